module github.com/tandem-iac/tandem

go 1.26

require (
	github.com/agext/levenshtein v1.2.3
	github.com/goccy/go-yaml v1.19.2
)
