//go:build unix

package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/tandem-iac/tandem/internal/fleettest"
	"github.com/tandem-iac/tandem/internal/moto"
)

// balancer stands for the load balancer: one healthy machine after the other.
type balancer struct {
	cloud   *fleettest.Cloud
	targets *elb.Client
	turn    atomic.Uint64
}

func newBalancer(cloud *fleettest.Cloud) *httptest.Server {
	return httptest.NewServer(&balancer{cloud: cloud, targets: elb.NewFromConfig(moto.Config(cloud.URL))})
}

func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out, err := b.targets.DescribeTargetHealth(r.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: &b.cloud.TargetGroup})
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	var healthy []*url.URL
	for _, d := range out.TargetHealthDescriptions {
		if d.TargetHealth.State == types.TargetHealthStateEnumHealthy {
			if at, err := url.Parse(b.cloud.Machine(*d.Target.Id).URL()); err == nil && at.Host != "" {
				healthy = append(healthy, at)
			}
		}
	}
	if len(healthy) == 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, "no machine is healthy")
		return
	}
	next := healthy[b.turn.Add(1)%uint64(len(healthy))]
	httputil.NewSingleHostReverseProxy(next).ServeHTTP(w, r)
}
