package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// memory runs each way once more and returns the peak memory of its largest
// Node process in MB, 0 where /proc does not tell.
func (b bench) memory(ways []way) ([]float64, error) {
	peaks := make([]float64, len(ways))
	for i, w := range ways {
		cmd := w.command(b.warmCache())
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		ticker := time.NewTicker(5 * time.Millisecond)
		var err error
		for running := true; running; {
			select {
			case err = <-done:
				running = false
			case <-ticker.C:
				peaks[i] = max(peaks[i], nodePeak(cmd.Process.Pid))
			}
		}
		ticker.Stop()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w.name, err)
		}
	}
	return peaks, nil
}

// nodePeak returns the highest peak so far, in MB, among pid and its
// descendants that run node.
func nodePeak(pid int) float64 {
	proc := filepath.Join("/proc", fmt.Sprint(pid))
	status, err := os.ReadFile(filepath.Join(proc, "status"))
	if err != nil {
		return 0 // it has ended
	}
	var peak, kB float64
	for line := range strings.Lines(string(status)) {
		if _, err := fmt.Sscanf(line, "VmHWM: %f kB", &kB); err == nil && strings.HasPrefix(string(status), "Name:\tnode\n") {
			peak = kB / 1000
		}
	}
	tasks, _ := filepath.Glob(filepath.Join(proc, "task", "*", "children"))
	for _, task := range tasks {
		children, _ := os.ReadFile(task) // gone: no children
		for _, child := range strings.Fields(string(children)) {
			var pid int
			if _, err := fmt.Sscan(child, &pid); err == nil {
				peak = max(peak, nodePeak(pid))
			}
		}
	}
	return peak
}
