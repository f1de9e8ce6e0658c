package spec

import (
	"fmt"

	"github.com/tandem-iac/tandem/internal/awsregion"
)

// arnRule says what an ARN is of, and whose region it has to be in.
type arnRule struct {
	path   string
	format string // of formats, whose pattern captures partition, region and account
	noun   string
	whose  string
}

// validateARN keeps what an ARN names in a region and in an account; an empty
// account is any. An ARN that is none has been reported.
func validateARN(faults *relations, rule arnRule, arn, region, account string) {
	m := formats[rule.format].pattern.FindStringSubmatch(arn)
	if m == nil {
		return
	}
	switch partition := awsregion.Partition(region); {
	case !isRegion(region): // reported
	case m[2] != region:
		faults.Add(rule.path, quote(arn), fmt.Sprintf("a %s of %s region, %s", rule.noun, rule.whose, region))
	case m[1] != partition:
		faults.Add(rule.path, quote(arn), fmt.Sprintf("an ARN that begins with arn:%s:, as all in %s", partition, region))
	}
	faults.Require(account == "" || m[3] == account, rule.path, quote(arn), fmt.Sprintf("a %s of the account, %s", rule.noun, account), "account")
}
