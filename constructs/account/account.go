// Package account tells which AWS account is being built in.
package account

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/dataawscalleridentity"
)

// ID returns the account's id: the one that is known, or, where that is empty,
// that of a data source under scope, which asks whose the credentials are.
func ID(scope constructs.Construct, known string) string {
	if known != "" {
		return known
	}
	return *dataawscalleridentity.NewDataAwsCallerIdentity(scope, jsii.String("account"), nil).AccountId()
}
