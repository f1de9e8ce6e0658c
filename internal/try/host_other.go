//go:build unix && !linux

package main

import "errors"

var errNoHost = errors.New("only Linux has throw-away machines")

func hostless() string { return "only Linux can make others" }

func (s *session) newHost(string) (computer, error) { return nil, errNoHost }

func keepHost(string) error { return errNoHost }
