package logging

import (
	"strconv"
	"strings"

	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/opensearchdomain"

	"github.com/tandem-iac/tandem/constructs/account"
	"github.com/tandem-iac/tandem/constructs/machine"
	"github.com/tandem-iac/tandem/constructs/network"
	"github.com/tandem-iac/tandem/constructs/pointer"
	"github.com/tandem-iac/tandem/internal/awsregion"
	"github.com/tandem-iac/tandem/internal/iam"
	"github.com/tandem-iac/tandem/spec"
)

// indexUser is the domain's master user.
const indexUser = "tandem"

// index is where lines are searched.
type index struct {
	scheme, host  string // host may be a token
	port          int
	secret        machine.Secret
	securityGroup network.SecurityGroupID // empty: it can be reached already
}

func (x index) url() string { return x.scheme + "://" + x.host + ":" + strconv.Itoa(x.port) }

// index is the one that exists, or a new one.
func (b *builder) index() index {
	if existing := b.Logging.Index.Existing; existing != nil {
		return existingIndex(*existing)
	}
	return b.newIndex()
}

// existingIndex passes through what the description names.
func existingIndex(existing spec.ExistingIndex) index {
	scheme, address, _ := strings.Cut(existing.URL, "://")
	host, port, _ := strings.Cut(address, ":")
	number, err := strconv.Atoi(port)
	if err != nil { // there is none
		number = map[string]int{"http": 80, "https": 443}[scheme]
	}
	return index{
		scheme: scheme, host: host, port: number,
		secret:        machine.Secret{ARN: machine.SecretARN(existing.SecretARN), Key: machine.KeyARN(existing.SecretKeyARN)},
		securityGroup: network.SecurityGroupID(existing.SecurityGroup),
	}
}

// newIndex adds a domain.
func (b *builder) newIndex() index {
	group := b.securityGroup("index", "Indexers to the index")
	secret := b.secret("index-secret", b.part("index"), indexUser, "The master user of the domain "+b.stem)
	args := b.domainArgs(group)
	args.AdvancedSecurityOptions = &opensearchdomain.OpensearchDomainAdvancedSecurityOptions{
		Enabled:                     true,
		InternalUserDatabaseEnabled: true,
		MasterUserOptions: &opensearchdomain.OpensearchDomainAdvancedSecurityOptionsMasterUserOptions{
			MasterUserName:     jsii.String(indexUser),
			MasterUserPassword: &secret.password,
		},
	}
	domain := opensearchdomain.NewOpensearchDomain(b.node, jsii.String("domain"), args)
	return index{scheme: "https", host: *domain.Endpoint(), port: 443, secret: secret.Secret, securityGroup: group}
}

func (b *builder) domainArgs(group network.SecurityGroupID) *opensearchdomain.OpensearchDomainConfig {
	rule := b.Logging.Index
	zones := rule.Zones(len(b.Network.PrivateSubnets))
	nodes := &opensearchdomain.OpensearchDomainClusterConfig{
		InstanceType:         &rule.InstanceType,
		InstanceCount:        jsii.Number(rule.Nodes),
		ZoneAwarenessEnabled: zones > 1,
	}
	if zones > 1 {
		nodes.ZoneAwarenessConfig = &opensearchdomain.OpensearchDomainClusterConfigZoneAwarenessConfig{AvailabilityZoneCount: jsii.Number(zones)}
	}
	if rule.DedicatedMasters {
		nodes.DedicatedMasterEnabled = true
		nodes.DedicatedMasterCount = jsii.Number(3)
		nodes.DedicatedMasterType = &rule.MasterType
	}
	return &opensearchdomain.OpensearchDomainConfig{
		DomainName:     &b.stem,
		EngineVersion:  &rule.Version,
		AccessPolicies: jsii.String(b.domainPolicy().JSON()),
		ClusterConfig:  nodes,
		EbsOptions: &opensearchdomain.OpensearchDomainEbsOptions{
			EbsEnabled: true,
			VolumeType: jsii.String("gp3"),
			VolumeSize: jsii.Number(rule.VolumeGiB),
		},
		EncryptAtRest:        &opensearchdomain.OpensearchDomainEncryptAtRest{Enabled: true, KmsKeyId: (*string)(&b.key)},
		NodeToNodeEncryption: &opensearchdomain.OpensearchDomainNodeToNodeEncryption{Enabled: true},
		DomainEndpointOptions: &opensearchdomain.OpensearchDomainDomainEndpointOptions{
			EnforceHttps:      true,
			TlsSecurityPolicy: jsii.String("Policy-Min-TLS-1-2-PFS-2023-10"),
		},
		VpcOptions: &opensearchdomain.OpensearchDomainVpcOptions{
			SubnetIds:        pointer.List(b.subnets(zones)),
			SecurityGroupIds: &[]*string{(*string)(&group)},
		},
		Tags: pointer.Map(b.tags(b.stem)),
	}
}

// domainPolicy lets in whoever reaches the domain, which asks them for name and
// password itself; rsyslog signs no requests:
// https://docs.aws.amazon.com/opensearch-service/latest/developerguide/fgac.html
func (b *builder) domainPolicy() iam.Policy {
	domain := "arn:" + awsregion.Partition(b.Region) + ":es:" + b.Region + ":" + b.account() + ":domain/" + b.stem
	return iam.Policy{{
		Sid:       "UsersOfTheDomain",
		Effect:    iam.Allow,
		Principal: map[string]string{"AWS": "*"},
		Action:    []string{"es:ESHttp*"},
		Resource:  []string{domain + "/*"},
	}}
}

// account is the id of the account, looked up once.
func (b *builder) account() string {
	if b.Account == "" {
		b.Account = account.ID(b.node, "")
	}
	return b.Account
}
