package instance

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

//go:embed logging/*.sh logging/*.service logging/*.timer
//go:embed indexer/*.sh indexer/site.yml indexer/units/*.service indexer/units/*.timer
var logs embed.FS

// include is the line of a script that reads what scripts have in common.
const include = `source "$(dirname "$(readlink -f "$0")")/common.sh"` + "\n"

// LogShipping returns what ships a machine's logs, by file name, as it is on
// machines: it is part of the agent's artifact.
func LogShipping() (map[string][]byte, error) {
	return files(map[string]string{
		"tandem-logs":       "logging/tandem-logs.sh",
		"tandem-logs-flush": "logging/flush.sh",
	}, "logging/*.service", "logging/*.timer")
}

// The artifacts of the machines that bring logs from Kafka into the index.
const (
	LogIndexerArtifact         = "log-indexer"
	LogIndexerPlaybookArtifact = "log-indexer-playbook"
)

// LogIndexer returns the release of the indexers' service, by file name.
func LogIndexer() (map[string][]byte, error) {
	return files(map[string]string{"tandem-log-indexer": "indexer/tandem-log-indexer.sh"}, "indexer/units/*")
}

// LogIndexerPlaybook returns the release of the indexers' playbook, by file name.
func LogIndexerPlaybook() (map[string][]byte, error) {
	return files(nil, "indexer/site.yml")
}

// files are embedded scripts by the names that they get, and those that match
// patterns by their own.
func files(scripts map[string]string, patterns ...string) (map[string][]byte, error) {
	all := map[string][]byte{}
	for as, name := range scripts {
		text, err := script(name)
		if err != nil {
			return nil, err
		}
		all[as] = []byte(text)
	}
	for _, pattern := range patterns {
		names, err := fs.Glob(logs, pattern)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", pattern, err)
		}
		for _, name := range names {
			if all[path.Base(name)], err = logs.ReadFile(name); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// script is an embedded script with what it reads in place.
func script(name string) (string, error) {
	text, err := logs.ReadFile(name)
	if err != nil {
		return "", err
	}
	before, after, includes := strings.Cut(string(text), include)
	if !includes {
		return string(text), nil
	}
	// The directive for shellcheck goes with the line that it is about.
	before = before[:strings.LastIndex(strings.TrimSuffix(before, "\n"), "\n")+1]
	common, err := logs.ReadFile("logging/common.sh")
	if err != nil {
		return "", err
	}
	_, body, _ := strings.Cut(string(common), "\n")
	return before + body + after, nil
}
