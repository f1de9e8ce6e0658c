package cluster

import (
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/dataawsami"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/dataawsssmparameter"
)

// image returns the id of the machine image, looked up where the description
// does not name it.
func (b *builder) image() *string {
	ami := b.spec.Instance.AMI
	switch {
	case ami.ID != "":
		return &ami.ID
	case ami.Filter != nil:
		return dataawsami.NewDataAwsAmi(b.node, jsii.String("image"), &dataawsami.DataAwsAmiConfig{
			MostRecent: true,
			Owners:     jsii.Strings(ami.Filter.Owner),
			Filter: []*dataawsami.DataAwsAmiFilter{
				{Name: jsii.String("name"), Values: jsii.Strings(ami.Filter.Name)},
				{Name: jsii.String("state"), Values: jsii.Strings("available")},
				{Name: jsii.String("architecture"), Values: jsii.Strings(b.spec.Architecture())},
			},
		}).Id()
	}
	// insecure_value: an image id is no secret, and a reviewer wants to see it change.
	return dataawsssmparameter.NewDataAwsSsmParameter(b.node, jsii.String("image"), &dataawsssmparameter.DataAwsSsmParameterConfig{
		Name: &ami.SSMParameter,
	}).InsecureValue()
}
