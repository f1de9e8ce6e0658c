package instance

import (
	"bytes"
	"embed"
	"io/fs"
	"strings"
)

//go:embed logging indexer
var logs embed.FS

// include is the line of a script that reads what scripts have in common.
const include = `source "$(dirname "$(readlink -f "$0")")/common.sh"` + "\n"

// LogShipping returns what ships a machine's logs, by file name, as it is on
// machines: it is part of the agent's artifact.
func LogShipping() map[string][]byte {
	return map[string][]byte{
		"tandem-logs":                    script("logging/tandem-logs.sh"),
		"tandem-logs-flush":              file("logging/flush.sh"),
		"tandem-logs.service":            file("logging/tandem-logs.service"),
		"tandem-logs-checkpoint.service": file("logging/tandem-logs-checkpoint.service"),
		"tandem-logs-checkpoint.timer":   file("logging/tandem-logs-checkpoint.timer"),
		"tandem-logs-refresh.service":    file("logging/tandem-logs-refresh.service"),
		"tandem-logs-refresh.timer":      file("logging/tandem-logs-refresh.timer"),
	}
}

// The artifacts of the machines that bring logs from Kafka into the index.
const (
	LogIndexerArtifact         = "log-indexer"
	LogIndexerPlaybookArtifact = "log-indexer-playbook"
)

// LogIndexer returns the release of the indexers' service, by file name.
func LogIndexer() map[string][]byte {
	files := map[string][]byte{"tandem-log-indexer": script("indexer/tandem-log-indexer.sh")}
	for _, name := range logNames("indexer/units") {
		files[name] = file("indexer/units/" + name)
	}
	return files
}

// LogIndexerPlaybook returns the release of the indexers' playbook, by file name.
func LogIndexerPlaybook() map[string][]byte {
	return map[string][]byte{"site.yml": file("indexer/site.yml")}
}

// file is an embedded file.
func file(name string) []byte {
	data, err := logs.ReadFile(name)
	if err != nil {
		return nil // a test says that all are there
	}
	return data
}

func logNames(directory string) []string {
	entries, err := fs.ReadDir(logs, directory)
	if err != nil {
		return nil
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// script is an embedded script with what it reads in place.
func script(name string) []byte {
	before, after, _ := strings.Cut(string(file(name)), include)
	// The directive for shellcheck goes with the line that it is about.
	before = before[:strings.LastIndex(strings.TrimSuffix(before, "\n"), "\n")+1]
	_, common, _ := bytes.Cut(file("logging/common.sh"), []byte("\n"))
	return []byte(before + string(common) + after)
}
