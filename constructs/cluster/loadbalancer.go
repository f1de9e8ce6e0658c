package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/lb"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/lblistener"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/lbtargetgroup"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"github.com/tandem-iac/tandem/constructs/machine"
	"github.com/tandem-iac/tandem/constructs/network"
	"github.com/tandem-iac/tandem/constructs/pointer"
	"github.com/tandem-iac/tandem/spec"
)

func (b *builder) loadBalancer(firewall network.SecurityGroupID) lb.Lb {
	rule := b.spec.LoadBalancer
	args := &lb.LbConfig{
		Name:                     &b.fullName,
		LoadBalancerType:         jsii.String("application"),
		Internal:                 false,
		Subnets:                  pointer.List(b.Network.PublicSubnets),
		SecurityGroups:           &[]*string{(*string)(&firewall)},
		IdleTimeout:              jsii.Number(rule.IdleTimeout.Seconds()),
		DropInvalidHeaderFields:  true,
		EnableDeletionProtection: *rule.DeletionProtection,
		Tags:                     pointer.Map(b.tags(b.fullName)),
	}
	if *rule.AccessLogs {
		logs := string(b.Delivery.AccessLogs.Name)
		args.AccessLogs = &lb.LbAccessLogs{Bucket: &logs, Prefix: &b.Name, Enabled: true}
	}
	return lb.NewLb(b.node, jsii.String("load-balancer"), args)
}

// listeners adds both ports and returns what has to exist before instances
// can be checked through them.
func (b *builder) listeners(balancer *string, target machine.TargetGroupARN) []cdktf.ITerraformDependable {
	forward := []*lblistener.LbListenerDefaultAction{{Type: jsii.String("forward"), TargetGroupArn: (*string)(&target)}}
	https := lblistener.NewLbListener(b.node, jsii.String("https"), &lblistener.LbListenerConfig{
		LoadBalancerArn: balancer,
		Port:            jsii.Number(443),
		Protocol:        jsii.String("HTTPS"),
		SslPolicy:       &b.spec.LoadBalancer.SSLPolicy,
		CertificateArn:  &b.spec.CertificateARN,
		DefaultAction:   forward,
		Tags:            pointer.Map(b.tags(b.fullName + "-https")),
	})
	plain := forward
	if b.spec.LoadBalancer.HTTP == spec.HTTPRedirect {
		plain = []*lblistener.LbListenerDefaultAction{{
			Type: jsii.String("redirect"),
			Redirect: &lblistener.LbListenerDefaultActionRedirect{
				Protocol:   jsii.String("HTTPS"),
				Port:       jsii.String("443"),
				StatusCode: jsii.String("HTTP_301"),
			},
		}}
	}
	http := lblistener.NewLbListener(b.node, jsii.String("http"), &lblistener.LbListenerConfig{
		LoadBalancerArn: balancer,
		Port:            jsii.Number(80),
		Protocol:        jsii.String("HTTP"),
		DefaultAction:   plain,
		Tags:            pointer.Map(b.tags(b.fullName + "-http")),
	})
	return []cdktf.ITerraformDependable{https, http}
}

// Attributes of the target group that Terraform can only change by replacing it.
const (
	targetProtocol        = "HTTP"
	targetProtocolVersion = "HTTP1"
	targetType            = "instance"
)

func (b *builder) targetGroup() lbtargetgroup.LbTargetGroup {
	rule := b.spec.TargetGroup
	vpc := string(b.Network.VPC)
	name := targetGroupName(b.fullName, strconv.Itoa(instancePort), targetProtocol, targetProtocolVersion, targetType, b.Network.Key)
	args := &lbtargetgroup.LbTargetGroupConfig{
		Name:                &name,
		VpcId:               &vpc,
		Port:                jsii.Number(instancePort),
		Protocol:            jsii.String(targetProtocol),
		ProtocolVersion:     jsii.String(targetProtocolVersion),
		TargetType:          jsii.String(targetType),
		DeregistrationDelay: jsii.String(strconv.Itoa(rule.DeregistrationDelay.Seconds())),
		SlowStart:           jsii.Number(rule.SlowStart.Seconds()),
		HealthCheck: &lbtargetgroup.LbTargetGroupHealthCheck{
			Enabled:            true,
			Protocol:           jsii.String("HTTP"),
			Port:               jsii.String("traffic-port"),
			Path:               &rule.HealthCheck.Path,
			Matcher:            &rule.HealthCheck.Matcher,
			Interval:           jsii.Number(rule.HealthCheck.Interval.Seconds()),
			Timeout:            jsii.Number(rule.HealthCheck.Timeout.Seconds()),
			HealthyThreshold:   jsii.Number(rule.HealthCheck.Healthy),
			UnhealthyThreshold: jsii.Number(rule.HealthCheck.Unhealthy),
		},
		Tags:      pointer.Map(b.tags(b.fullName)),
		Lifecycle: &cdktf.TerraformResourceLifecycle{CreateBeforeDestroy: jsii.Bool(true)},
	}
	return lbtargetgroup.NewLbTargetGroup(b.node, jsii.String("target-group"), args)
}

// targetGroupName is stem and a hash of the attributes that force replacement,
// within AWS's 32 characters. A replacement is created before the old group
// goes, so it needs another name, and only then.
func targetGroupName(stem string, forceNew ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(append([]string{stem}, forceNew...), "\x00")))
	const hash, limit = 8, 32
	stem = strings.TrimRight(stem[:min(len(stem), limit-hash-1)], "-")
	return fmt.Sprintf("%s-%s", stem, hex.EncodeToString(sum[:])[:hash])
}
