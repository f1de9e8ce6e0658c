//go:build !linux

package mototest

import "os/exec"

func dieWithParent(*exec.Cmd) {}

func lockThread(body func()) { body() }
