package logstest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/tandem-iac/tandem/internal/logstest"
	"github.com/tandem-iac/tandem/internal/moto"
	"github.com/tandem-iac/tandem/internal/needs"
)

// certify writes a certificate for 127.0.0.1 with its key, which signs itself.
func certify(t *testing.T) (file string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "broker"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	signed, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "broker.pem")
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// Passwords come from Secrets Manager and hold whatever they like. That of the
// index lets in. That of brokers is in a configuration that rsyslogd accepts:
// the broker that speaks TLS here has no SCRAM that librdkafka understands.
func TestSecurity(t *testing.T) {
	needs.Tool(t, "aws")
	const user, password = "alice", `p"a\s's $w{o}r#d,=é;`
	server, err := moto.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	for name, value := range moto.Environment(server.URL) {
		t.Setenv(name, value)
	}
	secret, err := json.Marshal(map[string]string{"username": user, "password": password})
	if err != nil {
		t.Fatal(err)
	}
	out, err := secretsmanager.NewFromConfig(moto.Config(server.URL)).CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
		Name: aws.String("AmazonMSK_logs"), SecretString: aws.String(string(secret)),
	})
	if err != nil {
		t.Fatal(err)
	}
	dir, pemFile := t.TempDir(), certify(t)
	broker, address, err := logstest.NewBroker(programs, filepath.Join(dir, "broker"), "-certificate", pemFile)
	if err != nil {
		t.Fatal(err)
	}
	index, err := logstest.NewIndexProcess(programs, filepath.Join(dir, "documents"), "-user", user, "-password", password)
	if err != nil {
		t.Fatal(err)
	}
	c := prepared(t, logstest.Settings{
		"TANDEM_LOG_BROKERS": address, "TANDEM_LOG_SECURITY": "tls", "TANDEM_LOG_CA": pemFile,
		"TANDEM_LOG_INDEX_URL": index.URL, "TANDEM_LOG_INDEX_SECRET": *out.ARN,
	})
	c.Broker, c.Index = broker, index
	c.must(c.Start())
	c.must(c.Machine.Append(serviceLog, "in confidence\n"))
	c.created(1)
	for _, file := range []string{c.Machine.Path("etc/tandem/logs/rsyslog.conf"), c.Indexer.Path("etc/tandem/log-indexer/nginx.conf"), c.Indexer.Path("etc/tandem/log-indexer/rsyslog.conf")} {
		info, err := os.Stat(file)
		c.must(err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s, with a password in it, has mode %s", file, info.Mode())
		}
	}
	scram, err := logstest.NewMachine(t.TempDir(), "i-0a", logstest.Settings{
		"TANDEM_LOG_BROKERS": address, "TANDEM_LOG_SECURITY": "scram", "TANDEM_LOG_SECRET": *out.ARN,
	})
	c.must(err)
	c.must(scram.Run("prepare"))
	if said, err := exec.Command("rsyslogd", "-N1", "-f", scram.Path("etc/tandem/logs/rsyslog.conf")).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
	before, err := os.ReadFile(scram.Path("etc/tandem/logs/rsyslog.conf"))
	c.must(err)
	if want := `"sasl.password=p\"a\\s's $w{o}r#d,=é;"`; !strings.Contains(string(before), want) {
		t.Errorf("no %s in\n%s", want, before)
	}
	// Without Secrets Manager, the password of before will do.
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	c.must(scram.Run("prepare"))
	if after, err := os.ReadFile(scram.Path("etc/tandem/logs/rsyslog.conf")); err != nil || string(after) != string(before) {
		t.Errorf("%v, another configuration:\n%s", err, after)
	}
}
