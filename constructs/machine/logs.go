package machine

import (
	"strconv"

	"github.com/aws/constructs-go/constructs/v10"

	"github.com/tandem-iac/tandem/constructs/network"
	"github.com/tandem-iac/tandem/instance"
	"github.com/tandem-iac/tandem/internal/iam"
)

// SecretARN is the ARN of a Secrets Manager secret. It may be a token.
type SecretARN string

// KeyARN is the ARN of a KMS key. It may be a token.
type KeyARN string

// Secret holds a user's name and password.
type Secret struct {
	// ARN names it. Empty: there is none.
	ARN SecretARN
	// Key is what it is encrypted with. Empty: AWS's own key for secrets, which
	// needs no permission of its own.
	Key KeyARN
}

// Read lets a machine read the secret, and use its key for nothing else:
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
func (s Secret) Read() iam.Policy {
	policy := iam.Policy{{
		Sid:      "ReadSecret",
		Effect:   iam.Allow,
		Action:   []string{"secretsmanager:GetSecretValue"},
		Resource: []string{string(s.ARN)},
	}}
	if s.Key != "" {
		policy = append(policy, iam.Statement{
			Sid:       "DecryptSecret",
			Effect:    iam.Allow,
			Action:    []string{"kms:Decrypt"},
			Resource:  []string{string(s.Key)},
			Condition: map[string]map[string]any{"StringEquals": {"kms:EncryptionContext:SecretARN": string(s.ARN)}},
		})
	}
	return policy
}

// Logs is where machines ship their logs.
type Logs struct {
	// Brokers are Kafka's, host:port with commas between. They may be a token.
	Brokers string
	// Port is that of each broker.
	Port int
	// Security is plaintext, tls or scram.
	Security string
	// Secret is the user's. None: brokers ask for none.
	Secret Secret
	// CAFile is what their certificates are checked against. Empty: the system's.
	CAFile string
	// Topic is what lines are written to.
	Topic string
	// QueueMiB is how much of the disk lines may take while brokers are away.
	QueueMiB int
	// SecurityGroup is the brokers'. Empty: they can be reached already.
	SecurityGroup network.SecurityGroupID
}

// AllowFrom lets the machines of a security group reach the brokers: a rule on
// the brokers' group, which belongs to whoever ships.
func (l Logs) AllowFrom(scope constructs.Construct, from network.SecurityGroupID, who string) {
	if l.SecurityGroup == "" {
		return
	}
	network.AllowIn(scope, "brokers-in", network.Rule{Group: l.SecurityGroup, Description: "logs from " + who, Peer: from, Port: l.Port})
}

// settings are those of a machine that ships.
func (l Logs) settings() []instance.Setting {
	settings := []instance.Setting{
		{Name: "TANDEM_LOG_BROKERS", Value: l.Brokers},
		{Name: "TANDEM_LOG_TOPIC", Value: l.Topic},
		{Name: "TANDEM_LOG_SECURITY", Value: l.Security},
		{Name: "TANDEM_LOG_QUEUE_MIB", Value: strconv.Itoa(l.QueueMiB)},
	}
	if l.Secret.ARN != "" {
		settings = append(settings, instance.Setting{Name: "TANDEM_LOG_SECRET", Value: string(l.Secret.ARN)})
	}
	if l.CAFile != "" {
		settings = append(settings, instance.Setting{Name: "TANDEM_LOG_CA", Value: l.CAFile})
	}
	return settings
}
