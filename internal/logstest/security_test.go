package logstest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
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

// Who logs in, with a password that holds what passwords may hold.
const user, password = "alice", `p"a\s's $w{o}r#d,=é;`

// vault is a secret in a Secrets Manager that the test's machines ask.
type vault struct {
	t      *testing.T
	client *secretsmanager.Client
	arn    string
}

// newVault keeps the user's password.
func newVault(t *testing.T) vault {
	t.Helper()
	needs.Tool(t, "aws")
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
	v := vault{t: t, client: secretsmanager.NewFromConfig(moto.Config(server.URL))}
	out, err := v.client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("AmazonMSK_logs"), SecretString: v.holding(password)})
	if err != nil {
		t.Fatal(err)
	}
	v.arn = *out.ARN
	return v
}

func (v vault) holding(password string) *string {
	v.t.Helper()
	secret, err := json.Marshal(map[string]string{"username": user, "password": password})
	if err != nil {
		v.t.Fatal(err)
	}
	return aws.String(string(secret))
}

// rotate keeps another password from now on.
func (v vault) rotate(password string) {
	v.t.Helper()
	if _, err := v.client.PutSecretValue(v.t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &v.arn, SecretString: v.holding(password)}); err != nil {
		v.t.Fatal(err)
	}
}

// secured is a chain whose broker speaks TLS and insists on what further flags
// say, and whose index has everybody log in.
func secured(t *testing.T, s logstest.Settings, flags ...string) (c *chain, certificate string) {
	t.Helper()
	dir, certificate := t.TempDir(), certify(t)
	broker, address, err := logstest.NewBroker(programs, filepath.Join(dir, "broker"), append(flags, "-certificate", certificate)...)
	if err != nil {
		t.Fatal(err)
	}
	index, err := logstest.NewIndexProcess(programs, filepath.Join(dir, "documents"), "-user", user, "-password", password)
	if err != nil {
		t.Fatal(err)
	}
	all := logstest.Settings{"TANDEM_LOG_BROKERS": address, "TANDEM_LOG_CA": certificate, "TANDEM_LOG_INDEX_URL": index.URL}
	maps.Copy(all, s)
	c = prepared(t, all)
	c.Broker, c.Address, c.Index = broker, address, index
	return c, certificate
}

// The way to the brokers and to the index is TLS, and the index has its password
// from Secrets Manager, or of before where nobody answers.
func TestSecurity(t *testing.T) {
	v := newVault(t)
	c, _ := secured(t, logstest.Settings{"TANDEM_LOG_SECURITY": "tls", "TANDEM_LOG_INDEX_SECRET": v.arn})
	c.must(c.Start())
	c.line()
	c.complete()
	before, err := os.ReadFile(c.Indexer.Path("etc/tandem/log-indexer/nginx.conf"))
	c.must(err)
	for _, file := range []string{c.Machine.Path("etc/tandem/logs/rsyslog.conf"), c.Indexer.Path("etc/tandem/log-indexer/nginx.conf"), c.Indexer.Path("etc/tandem/log-indexer/rsyslog.conf")} {
		info, err := os.Stat(file)
		c.must(err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s, with a password in it, has mode %s", file, info.Mode())
		}
	}
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	c.must(c.Indexer.Run("prepare"))
	if after, err := os.ReadFile(c.Indexer.Path("etc/tandem/log-indexer/nginx.conf")); err != nil || string(after) != string(before) {
		t.Errorf("%v, another configuration:\n%s", err, after)
	}
}

// Machine and indexer log in at the broker by SCRAM. Once the password is another
// one and connections are made anew, nothing is shipped, and the machine's log says
// why; with the secret rotated too, all of it is.
func TestSCRAM(t *testing.T) {
	const next = "n'ext=\"1\\,2\""
	v := newVault(t)
	c, certificate := secured(t, logstest.Settings{"TANDEM_LOG_SECURITY": "scram", "TANDEM_LOG_SECRET": v.arn, "TANDEM_LOG_INDEX_SECRET": v.arn},
		"-user", user, "-password", password)
	c.must(c.Start())
	c.line()
	c.complete()
	systemctl := stubSystemctl(t)
	refresh := func() (said string) {
		t.Helper()
		c.must(c.Machine.Run("refresh"))
		c.must(c.Indexer.Run("refresh"))
		return systemctl()
	}
	if said := refresh(); said != "" {
		t.Errorf("nothing has changed, and systemctl was asked to %s", said)
	}

	c.must(logstest.ChangePassword(programs, c.Address, certificate, user, password, next))
	c.line() // by those who have logged in before
	c.complete()
	c.must(c.Broker.Kill())
	c.must(c.Broker.Start())
	shipped := c.next
	c.wait("word of the password", func() (bool, error) {
		c.line()
		if refresh() == "kill --signal HUP tandem-logs.service\n" {
			c.must(syscall.Kill(c.Machine.PID(), syscall.SIGHUP))
		}
		text, err := os.ReadFile(c.Machine.Path("var/log/tandem/logs.log"))
		return strings.Contains(string(text), "kafka error -169: Local: Authentication failure"), err
	})
	counts, err := c.Index.Counts()
	c.must(err)
	if counts.Documents != shipped {
		t.Errorf("with the password of before, there are %d documents, want %d", counts.Documents, shipped)
	}

	v.rotate(next)
	c.must(c.Index.Stop())
	c.Index.Flags = []string{"-user", user, "-password", next}
	c.must(c.Index.Start())
	const want = "restart tandem-logs.service\ntry-restart tandem-log-indexer-gateway.service tandem-log-indexer.service\n"
	if said := refresh(); said != want {
		t.Errorf("systemctl was asked to\n%swant\n%s", said, want)
	}
	c.must(c.Machine.Stop())
	c.must(c.Machine.Start())
	c.must(c.Indexer.Stop())
	c.must(c.Indexer.Start())
	c.complete()
}
