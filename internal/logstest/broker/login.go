package main

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// login is what broker and client have to agree on.
type login struct {
	// certificate is a PEM file with the broker's certificate, and for the broker
	// its key. Empty: no TLS.
	certificate string
	// user and password log in by SCRAM-SHA-512. Empty: nobody does.
	user, password string
}

// options are those of a broker that insists on it.
func (l login) options() ([]kfake.Opt, error) {
	var options []kfake.Opt
	if l.user != "" {
		options = append(options, kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", l.user, l.password))
	}
	if l.certificate == "" {
		return options, nil
	}
	pair, err := tls.LoadX509KeyPair(l.certificate, l.certificate)
	if err != nil {
		return nil, err
	}
	secure := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	return append(options, kfake.ListenFn(func(network, address string) (net.Listener, error) {
		listener, err := tls.Listen(network, address, secure)
		return refusing{listener}, err
	})), nil
}

// client is a client of the broker at an address.
func (l login) client(address string, more ...kgo.Opt) (*kgo.Client, error) {
	options := append([]kgo.Opt{kgo.SeedBrokers(address)}, more...)
	if l.certificate != "" {
		text, err := os.ReadFile(l.certificate)
		if err != nil {
			return nil, err
		}
		trusted := x509.NewCertPool()
		if !trusted.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s holds no certificate", l.certificate)
		}
		options = append(options, kgo.DialTLSConfig(&tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}))
	}
	if l.user != "" {
		options = append(options, kgo.SASL(scram.Auth{User: l.user, Pass: l.password}.AsSha512Mechanism()))
	}
	return kgo.NewClient(options...)
}

// change gives the user another password, as an operator does. Who has logged in
// before stays.
func (l login) change(address, password string) error {
	const iterations = 4096
	client, err := l.client(address)
	if err != nil {
		return err
	}
	defer client.Close()
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return err
	}
	salted, err := pbkdf2.Key(sha512.New, password, salt, iterations, sha512.Size)
	if err != nil {
		return err
	}
	request := kmsg.NewPtrAlterUserSCRAMCredentialsRequest()
	request.Upsertions = []kmsg.AlterUserSCRAMCredentialsRequestUpsertion{{
		Name: l.user, Mechanism: 2, Iterations: iterations, Salt: salt, SaltedPassword: salted, // 2: SCRAM-SHA-512
	}}
	response, err := request.RequestWith(context.Background(), client)
	if err != nil {
		return err
	}
	for _, result := range response.Results {
		if err := kerr.ErrorForCode(result.ErrorCode); err != nil {
			return err
		}
	}
	return nil
}

// versions are the requests that a cluster understands.
func versions() ([]kmsg.ApiVersionsResponseApiKey, error) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		return nil, err
	}
	defer cluster.Close()
	client, err := login{}.client(cluster.ListenAddrs()[0])
	if err != nil {
		return nil, err
	}
	defer client.Close()
	request := kmsg.NewPtrApiVersionsRequest()
	request.ClientSoftwareName, request.ClientSoftwareVersion = "broker", "1"
	response, err := request.RequestWith(context.Background(), client)
	if err != nil {
		return nil, err
	}
	return response.ApiKeys, kerr.ErrorForCode(response.ErrorCode)
}

// welcomeLibrdkafka has a cluster say that it understands SaslHandshake from
// version 0 on, as brokers do. kfake names 1 alone, and librdkafka gives up at
// that, though 1 is what it sends then:
// https://github.com/confluentinc/librdkafka/pull/4983
func welcomeLibrdkafka(cluster *kfake.Cluster, keys []kmsg.ApiVersionsResponseApiKey) {
	for i := range keys {
		if keys[i].ApiKey == kmsg.SASLHandshake.Int16() {
			keys[i].MinVersion = 0
		}
	}
	cluster.ControlKey(kmsg.ApiVersions.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
		if request.GetVersion() > request.MaxVersion() {
			return nil, nil, false
		}
		cluster.KeepControl()
		response := request.ResponseKind().(*kmsg.ApiVersionsResponse)
		response.ApiKeys = keys
		return response, nil, true
	})
}
