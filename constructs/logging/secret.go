package logging

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/dataawssecretsmanagerrandompassword"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/kmsalias"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/kmskey"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/secretsmanagersecret"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/secretsmanagersecretversion"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"github.com/tandem-iac/tandem/constructs/machine"
	"github.com/tandem-iac/tandem/constructs/pointer"
)

// newKey adds the key for secrets and disks. MSK takes no secret that is
// encrypted with AWS's own:
// https://docs.aws.amazon.com/msk/latest/developerguide/msk-password.html
func (b *builder) newKey() machine.KeyARN {
	node := constructs.NewConstruct(b.node, jsii.String("key"))
	key := kmskey.NewKmsKey(node, jsii.String("key"), &kmskey.KmsKeyConfig{
		Description:          jsii.String("Secrets and disks of " + b.stem),
		EnableKeyRotation:    true,
		DeletionWindowInDays: jsii.Number(30),
		Tags:                 pointer.Map(b.tags(b.stem)),
	})
	kmsalias.NewKmsAlias(node, jsii.String("alias"), &kmsalias.KmsAliasConfig{
		Name:        jsii.String("alias/" + b.stem),
		TargetKeyId: key.KeyId(),
	})
	return machine.KeyARN(*key.Arn())
}

const (
	// passwordLength is well above what anybody guesses.
	passwordLength = 32
	// unquotable are the characters that one program or another between here
	// and the servers takes for more than themselves.
	unquotable = "!\"#$%&'()*,/:;<=>?@[\\]^`{|}~"
	// recoveryDays is how long a deleted secret can be brought back.
	recoveryDays = 7
)

// newSecret is a secret with what waits for it.
type newSecret struct {
	machine.Secret
	// password is an expression.
	password string
	// version has to exist before anybody reads the secret.
	version cdktf.ITerraformDependable
	id      *string
}

// secret adds a secret with a user whose password AWS makes up once. Each plan
// asks for another, which changes nothing: the first stays until the version is
// replaced. The name ends in a suffix of the provider's, as that of a deleted
// secret stays taken for days.
func (b *builder) secret(id, name, user, description string) newSecret {
	node := constructs.NewConstruct(b.node, &id)
	secret := secretsmanagersecret.NewSecretsmanagerSecret(node, jsii.String("secret"), &secretsmanagersecret.SecretsmanagerSecretConfig{
		NamePrefix:           jsii.String(name + "-"),
		Description:          &description,
		KmsKeyId:             (*string)(&b.key),
		RecoveryWindowInDays: jsii.Number(recoveryDays),
		Tags:                 pointer.Map(b.tags(name)),
	})
	password := dataawssecretsmanagerrandompassword.NewDataAwsSecretsmanagerRandomPassword(node, jsii.String("password"),
		&dataawssecretsmanagerrandompassword.DataAwsSecretsmanagerRandomPasswordConfig{
			PasswordLength:          jsii.Number(passwordLength),
			ExcludeCharacters:       jsii.String(unquotable),
			RequireEachIncludedType: true,
		})
	version := secretsmanagersecretversion.NewSecretsmanagerSecretVersion(node, jsii.String("version"), &secretsmanagersecretversion.SecretsmanagerSecretVersionConfig{
		SecretId:     secret.Id(),
		SecretString: jsii.String("${jsonencode({username = \"" + user + "\", password = " + *password.Fqn() + ".random_password})}"),
		Lifecycle: &cdktf.TerraformResourceLifecycle{
			IgnoreChanges:       jsii.Strings("secret_string"),
			CreateBeforeDestroy: jsii.Bool(true), // there is a current one throughout
		},
	})
	return newSecret{
		Secret:   machine.Secret{ARN: machine.SecretARN(*secret.Arn()), Key: b.key},
		password: "${jsondecode(" + *version.Fqn() + ".secret_string).password}",
		version:  version,
		id:       secret.Id(),
	}
}
