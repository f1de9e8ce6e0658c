package machine

import (
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/dataawsami"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/dataawsssmparameter"
)

// findImage returns the id of the machine image, looked up where the
// description does not name it.
func (k Kind) findImage() *string {
	ami := k.cfg.Instance.AMI
	switch {
	case ami.ID != "":
		return &ami.ID
	case ami.Filter != nil:
		return dataawsami.NewDataAwsAmi(k.node, jsii.String("image"), &dataawsami.DataAwsAmiConfig{
			MostRecent: true,
			Owners:     jsii.Strings(ami.Filter.Owner),
			Filter: []*dataawsami.DataAwsAmiFilter{
				{Name: jsii.String("name"), Values: jsii.Strings(ami.Filter.Name)},
				{Name: jsii.String("state"), Values: jsii.Strings("available")},
				{Name: jsii.String("architecture"), Values: jsii.Strings(k.cfg.Architecture)},
			},
		}).Id()
	}
	// insecure_value: an image id is no secret, and a reviewer wants to see it change.
	return dataawsssmparameter.NewDataAwsSsmParameter(k.node, jsii.String("image"), &dataawsssmparameter.DataAwsSsmParameterConfig{
		Name: &ami.SSMParameter,
	}).InsecureValue()
}
