package fleet_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/fleet"
	"github.com/tandem-iac/tandem/internal/fleettest"
	"github.com/tandem-iac/tandem/internal/moto"
	"github.com/tandem-iac/tandem/internal/mototest"
)

func TestMain(m *testing.M) { os.Exit(mototest.Main(m)) }

func TestClusterAsTaggedAndSeen(t *testing.T) {
	cloud := fleettest.New(t, os.Getenv("AWS_ENDPOINT_URL"), fleettest.Size{Spot: 2, OnDemand: 1})
	spot := cloud.IDs(cloud.Spot)
	cloud.Tag(spot[0], map[string]string{fleet.ReleaseTag: "42"})
	cloud.Tag(spot[1], map[string]string{fleet.ReleaseTag: fleet.Broken})
	c, err := fleet.NewFinder(moto.Config(cloud.URL)).Cluster(t.Context(), cloud.Environment, "obelix")
	if err != nil {
		t.Fatal(err)
	}
	if c.Service != "menhir" || c.Environment != cloud.Environment {
		t.Errorf("service and environment are %s and %s", c.Service, c.Environment)
	}
	want := []fleet.Group{
		{Name: cloud.OnDemand, Lifecycle: fleet.OnDemand, Min: 1, Max: 10, Desired: 1, TargetGroup: cloud.TargetGroup},
		{Name: cloud.Spot, Lifecycle: fleet.Spot, Min: 1, Max: 10, Desired: 2, TargetGroup: cloud.TargetGroup},
	}
	if diff := cmp.Diff(want, c.Groups); diff != "" {
		t.Error(diff)
	}
	for id, release := range map[string]fleet.Release{
		spot[0]:                      {Service: 42, Playbook: fleettest.Playbook},
		spot[1]:                      {Broken: true},
		cloud.IDs(cloud.OnDemand)[0]: {Service: fleettest.Stable, Playbook: fleettest.Playbook},
	} {
		i, ok := c.Instance(id)
		if !ok || i.Release != release || !i.Serving() || !strings.HasPrefix(i.Zone, moto.Region) || i.PrivateIP == "" || i.Launched.IsZero() {
			t.Errorf("%s is %+v, want it complete, serving and on %s", id, i, release)
		}
	}
	if n := len(c.Releases()); n != 3 {
		t.Errorf("there are %d releases, want a skew of 3", n)
	}
	cloud.Terminate(spot[0])
	c, err = fleet.NewFinder(moto.Config(cloud.URL)).Cluster(t.Context(), cloud.Environment, "obelix")
	if _, there := c.Instance(spot[0]); there || err != nil {
		t.Errorf("a terminated instance is still there, %v", err)
	}
}

func TestClustersOfSeveralEnvironments(t *testing.T) {
	first := fleettest.New(t, os.Getenv("AWS_ENDPOINT_URL"), fleettest.Size{Spot: 1})
	second := first.Neighbour(t, fleettest.Size{Spot: 1})
	finder := fleet.NewFinder(moto.Config(first.URL))
	_, err := finder.Cluster(t.Context(), "", "obelix")
	wantInput(t, err, "cluster obelix is in several environments: choose one with --environment")
	_, err = finder.ClusterOf(t.Context(), "", []string{first.IDs()[0], second.IDs()[0]})
	wantInput(t, err, "deploy one cluster at a time")
	_, err = finder.Cluster(t.Context(), first.Environment, "obelisk")
	wantInput(t, err, "did you mean obelix?")
	c, err := finder.ClusterOf(t.Context(), "", second.IDs())
	if err != nil || c.Environment != second.Environment {
		t.Errorf("the cluster is of %q, %v", c.Environment, err)
	}
}

func wantInput(t *testing.T, err error, text string) {
	t.Helper()
	var input check.InputError
	if !errors.As(err, &input) || !strings.Contains(err.Error(), text) {
		t.Errorf("error is %v, want an InputError with %q", err, text)
	}
}

func TestParseRelease(t *testing.T) {
	for _, test := range []struct {
		service, playbook string
		want              fleet.Release
		text              string
	}{
		{"42", "7", fleet.Release{Service: 42, Playbook: 7}, "42 by 7"},
		{"42", "", fleet.Release{Service: 42}, "42"},
		{"", "", fleet.Release{}, "?"},
		{"-1", "x", fleet.Release{}, "?"},
		{fleet.SettingUp, "7", fleet.Release{SettingUp: true}, "setting-up"},
		{fleet.Broken, "7", fleet.Release{Broken: true}, "broken"},
	} {
		if got := fleet.ParseRelease(test.service, test.playbook); got != test.want || got.String() != test.text {
			t.Errorf("%q and %q are %+v, %s, want %+v, %s", test.service, test.playbook, got, got, test.want, test.text)
		}
	}
	want := fleet.Release{Service: 42}
	for r, ok := range map[fleet.Release]bool{{Service: 42, Playbook: 7}: true, {Service: 41}: false, {}: false, {Service: 42, Broken: true}: false, {Service: 42, SettingUp: true}: false} {
		if r.Satisfies(want) != ok {
			t.Errorf("%+v satisfies %+v: want %v", r, want, ok)
		}
	}
}

func TestInventoryGroupsHaveNamesOfAnsible(t *testing.T) {
	inventory := fleet.NewInventory([]fleet.Cluster{{
		Environment: "prod-eu", Name: "web.1", Service: "menhir",
		Instances: []fleet.Instance{{ID: "i-1", Lifecycle: fleet.OnDemand}},
	}})
	for _, name := range []string{"environment_prod_eu", "cluster_web_1", "lifecycle_on_demand", "service_menhir", "_meta"} {
		if inventory[name] == nil {
			t.Errorf("there is no group %s", name)
		}
	}
}
