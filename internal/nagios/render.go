package nagios

import (
	"bufio"
	"bytes"
	"cmp"
	_ "embed" // the templates
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tandem-iac/tandem/internal/fleet"
)

//go:embed templates.cfg
var defaultTemplates string

// Templates returns the object definitions that hosts and services build on
// where the user has no others.
func Templates() string { return defaultTemplates }

const head = `# Written by 'tandem nagios sync', which overwrites it.

`

// defaultPort is where instances of a group without a target group serve.
const defaultPort = 80

// render writes the whole file. The same instances make the same file.
func render(templates string, clusters Clusters, hosts []host) []byte {
	var b bytes.Buffer
	b.WriteString(head)
	b.WriteString(templates)
	groups := map[string]string{} // alias by name; those of clusters without instances too
	for _, c := range clusters.List {
		for _, g := range c.Groups {
			addGroups(groups, c, g)
		}
	}
	memberships := make([][]string, len(hosts))
	for n, h := range hosts {
		memberships[n] = addGroups(groups, h.cluster, h.cluster.Group(h.Group))
		zone := groupName(h.cluster, "zone", h.Zone)
		groups[zone] = fmt.Sprintf("%s in %s", label(h.cluster.Environment), label(h.Zone))
		memberships[n] = append(memberships[n], zone)
	}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		object(&b, "hostgroup", "hostgroup_name", name, "alias", groups[name])
	}
	for n, h := range hosts {
		renderHost(&b, h, memberships[n], clusters.Checks)
	}
	renderServices(&b, hosts, clusters.Checks)
	return b.Bytes()
}

// addGroups names the host groups that all instances of a group are in.
func addGroups(aliases map[string]string, c fleet.Cluster, g fleet.Group) []string {
	var names []string
	for _, of := range []struct{ kind, name, alias string }{
		{"cluster", c.Name, c.Name + " of " + c.Environment},
		{"lifecycle", g.Lifecycle, c.Environment + " " + g.Lifecycle},
		{"group", g.Name, g.Name},
	} {
		name := groupName(c, of.kind, of.name)
		aliases[name] = label(of.alias)
		names = append(names, name)
	}
	return names
}

// groupName is the name of a host group: tandem.prod.cluster.obelix. What is
// between the dots holds none, so that names are different if their parts are.
func groupName(c fleet.Cluster, kind, name string) string {
	return "tandem." + objectName(c.Environment) + "." + kind + "." + objectName(name)
}

func renderHost(b *bytes.Buffer, h host, groups []string, checks map[string]fleet.HealthCheck) {
	port := cmp.Or(checks[h.cluster.Group(h.Group).TargetGroup].Port, defaultPort)
	alias := h.cluster.Name + " " + h.Lifecycle + " in " + h.Zone
	object(b, "host",
		"use", "tandem-host",
		"host_name", objectName(h.ID),
		"alias", label(cmp.Or(h.Name, alias)),
		"address", h.PrivateIP,
		"check_command", fmt.Sprintf("tandem-check-host!%d", port),
		"hostgroups", strings.Join(groups, ","),
		"_CLUSTER", objectName(h.cluster.Name),
		"_LIFECYCLE", objectName(h.Lifecycle),
		"_ZONE", objectName(h.Zone),
		"_TYPE", label(h.Type),
	)
}

// renderServices gives each group that has hosts and an HTTP check the same
// check; Nagios refuses a service of an empty group.
func renderServices(b *bytes.Buffer, hosts []host, checks map[string]fleet.HealthCheck) {
	done := map[string]bool{}
	for _, h := range hosts {
		group := h.cluster.Group(h.Group)
		name := groupName(h.cluster, "group", h.Group)
		check, ok := checks[group.TargetGroup]
		if done[name] || !ok || check.Protocol != "HTTP" && check.Protocol != "HTTPS" {
			continue
		}
		done[name] = true
		object(b, "service",
			"use", "tandem-service",
			"hostgroup_name", name,
			"service_description", "health",
			"check_command", fmt.Sprintf("tandem-check-%s!%d!%s!%s", strings.ToLower(check.Protocol), check.Port, requestPath(cmp.Or(check.Path, "/")), statuses(check.Matcher)),
		)
	}
}

// object writes a definition: directives and values by turns. Empty values
// are left out.
func object(b *bytes.Buffer, kind string, directives ...string) {
	fmt.Fprintf(b, "\ndefine %s {\n", kind)
	for pair := range slices.Chunk(directives, 2) {
		if pair[1] != "" {
			fmt.Fprintf(b, "    %-20s  %s\n", pair[0], pair[1])
		}
	}
	b.WriteString("}\n")
}

// hostNames are the hosts of a file that render has written.
func hostNames(file []byte) map[string]bool {
	names := map[string]bool{}
	lines := bufio.NewScanner(bytes.NewReader(file))
	lines.Buffer(nil, len(file)+1)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) == 2 && fields[0] == "host_name" {
			names[fields[1]] = true
		}
	}
	return names
}
