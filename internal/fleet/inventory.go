package fleet

import "strings"

// Inventory is a dynamic inventory of Ansible:
// https://docs.ansible.com/ansible/latest/dev_guide/developing_inventory.html#inventory-script-conventions
type Inventory map[string]any

// HostVars are the variables of a host, whose name is the instance's id.
type HostVars struct {
	Host        string `json:"ansible_host"`
	Environment string `json:"tandem_environment"`
	Cluster     string `json:"tandem_cluster"`
	Service     string `json:"tandem_service"`
	Lifecycle   string `json:"tandem_lifecycle"`
	Group       string `json:"tandem_group"`
	Zone        string `json:"tandem_zone"`
	Type        string `json:"tandem_instance_type"`
	State       string `json:"tandem_state"`
	Health      string `json:"tandem_health"`
	// Release and Playbook are versions from 1. Nil, and no variable: unknown,
	// or the last setup has failed.
	Release  *int `json:"tandem_release,omitempty"`
	Playbook *int `json:"tandem_playbook_release,omitempty"`
}

// NewInventory groups the instances of the clusters by environment, cluster,
// lifecycle and service.
func NewInventory(clusters []Cluster) Inventory {
	hosts := map[string]HostVars{}
	groups := map[string][]string{}
	for _, c := range clusters {
		for _, i := range c.Instances {
			hosts[i.ID] = hostVars(c, i)
			for _, group := range []string{
				groupName("environment", c.Environment), groupName("cluster", c.Name),
				groupName("lifecycle", i.Lifecycle), groupName("service", c.Service),
			} {
				groups[group] = append(groups[group], i.ID)
			}
		}
	}
	inventory := Inventory{"_meta": map[string]any{"hostvars": hosts}}
	for name, members := range groups {
		inventory[name] = map[string]any{"hosts": members}
	}
	return inventory
}

// HostVarsOf returns the variables of one instance, and whether it is there.
func HostVarsOf(clusters []Cluster, id string) (HostVars, bool) {
	for _, c := range clusters {
		if i, ok := c.Instance(id); ok {
			return hostVars(c, i), true
		}
	}
	return HostVars{}, false
}

func hostVars(c Cluster, i Instance) HostVars {
	return HostVars{
		Host: i.PrivateIP, Environment: c.Environment, Cluster: c.Name, Service: c.Service,
		Lifecycle: i.Lifecycle, Group: i.Group, Zone: i.Zone, Type: i.Type, State: i.State, Health: i.Health,
		Release: known(i.Release.Service), Playbook: known(i.Release.Playbook),
	}
}

// known is nil for the version of a release that nobody knows.
func known(version int) *int {
	if version == 0 {
		return nil
	}
	return &version
}

// groupName joins what a group of Ansible is for and a name. Ansible wants
// the characters of a variable's name, as does its aws_ec2 plugin.
func groupName(kind, name string) string {
	return kind + "_" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, name)
}
