package nagios

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/tandem-iac/tandem/internal/fleet"
)

// Clusters are what a sync writes down.
type Clusters struct {
	List []fleet.Cluster
	// Checks are the health checks of their target groups, by ARN.
	Checks map[string]fleet.HealthCheck
}

// host is an instance that Nagios watches.
type host struct {
	fleet.Instance
	cluster fleet.Cluster
}

// choice is what becomes of the instances.
type choice struct {
	// hosts are watched, in the order of clusters, groups and ids.
	hosts []host
	// leaving are those of them that are about to go, or are out of service on
	// purpose: nobody is to be told that they do not answer.
	leaving []string
	// booting are not watched yet.
	booting int
	// skipped says which cannot be watched, and why.
	skipped []string
}

// What becomes of an instance by its lifecycle state, up to a colon:
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html
type fate int

const (
	// arrives: is watched once it has been in service.
	arrives fate = iota
	// serves: is watched.
	serves
	// rests: is watched, in downtime.
	rests
	// leaves: stays watched if it was, in downtime.
	leaves
	// gone: is not watched.
	gone
)

func fateOf(state string) fate {
	state, _, _ = strings.Cut(state, ":")
	switch state {
	case fleet.InService:
		return serves
	case fleet.Standby, fleet.EnteringStandby:
		return rests
	case "Terminating", "Detaching":
		return leaves
	case "Terminated", "Detached", "Warmed":
		return gone
	}
	return arrives
}

// choose decides who is watched. known are the hosts that already are. A new
// instance has boot, from its launch, to pass its first health check before it
// is watched all the same.
func choose(clusters []fleet.Cluster, known map[string]bool, now time.Time, boot time.Duration) choice {
	var c choice
	for _, cluster := range clusters {
		for _, i := range cluster.Instances {
			fate := fateOf(i.State)
			up := fate == serves && (i.Health == fleet.Healthy || cluster.Group(i.Group).TargetGroup == "" || now.Sub(i.Launched) >= boot)
			switch {
			case fate == gone || fate == leaves && !known[objectName(i.ID)]:
				continue
			case !known[objectName(i.ID)] && !up && fate != rests:
				c.booting++
				continue
			}
			if _, err := netip.ParseAddr(i.PrivateIP); err != nil {
				c.skipped = append(c.skipped, fmt.Sprintf("%s has the address %q, want an IP address", label(i.ID), i.PrivateIP))
				continue
			}
			c.hosts = append(c.hosts, host{i, cluster})
			if fate == rests || fate == leaves {
				c.leaving = append(c.leaving, objectName(i.ID))
			}
		}
	}
	return c
}
