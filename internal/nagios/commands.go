package nagios

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// patience is how long Nagios may take to read a command.
const patience = 10 * time.Second

// send writes external commands to Nagios's command file, a pipe:
// https://assets.nagios.com/downloads/nagioscore/docs/nagioscore/4/en/extcommands.html
func (s *Syncer) send(main mainConfig, commands ...string) (err error) {
	path := main.value("command_file")
	if path == "" || main.value("check_external_commands") == "0" {
		return fmt.Errorf("%s has no command file: set command_file and check_external_commands=1", main.path)
	}
	// Without O_NONBLOCK this would wait for a Nagios that does not run;
	// without O_CREATE it leaves no file in the pipe's place.
	pipe, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ENXIO) || errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("nagios does not run, or has another command file than %s", path)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pipe.Close()) }()
	if info, err := pipe.Stat(); err != nil || info.Mode()&fs.ModeNamedPipe == 0 {
		return errors.Join(err, fmt.Errorf("%s is no pipe: remove it and start nagios again", path))
	}
	if err := pipe.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	for _, c := range commands {
		// A write of a line is one step to the pipe, whoever else writes.
		if _, err := fmt.Fprintf(pipe, "[%d] %s\n", s.Now().Unix(), c); err != nil {
			return err
		}
	}
	return nil
}

// reload tells Nagios of a file that it has not read yet.
func (s *Syncer) reload(ctx context.Context, main mainConfig, files files) (bool, error) {
	if _, err := os.Stat(files.pending); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	if s.Reload == "" {
		if err := s.send(main, "RESTART_PROGRAM"); err != nil {
			return false, fmt.Errorf("reload, which the next sync tries again: %w", err)
		}
	} else if out, err := command(ctx, "/bin/sh", "-c", s.Reload); err != nil {
		return false, fmt.Errorf("reload by %q, which the next sync tries again: %w: %s", s.Reload, err, tail(out))
	}
	return true, os.Remove(files.pending)
}

// author is who has scheduled a downtime.
const author = "tandem"

// spare gives the hosts that leave a downtime, and their services, unless they
// have one.
func (s *Syncer) spare(main mainConfig, leaving []string, known map[string]bool) (int, error) {
	if len(leaving) == 0 {
		return 0, nil
	}
	now := s.Now()
	spared := downtimes(main.value("status_file"))
	var commands []string
	n := 0
	for _, name := range leaving {
		// Nagios has not heard of a new one; it will have by the next sync.
		if !known[name] || spared[name].After(now) {
			continue
		}
		n++
		for _, what := range []string{"SCHEDULE_HOST_DOWNTIME", "SCHEDULE_HOST_SVC_DOWNTIME"} {
			commands = append(commands, fmt.Sprintf("%s;%s;%d;%d;1;0;%d;%s;leaves its group",
				what, name, now.Unix(), now.Add(s.Downtime).Unix(), int(s.Downtime.Seconds()), author))
		}
	}
	if n == 0 {
		return 0, nil
	}
	if err := s.send(main, commands...); err != nil {
		return 0, fmt.Errorf("downtime of instances that leave: %w", err)
	}
	return n, nil
}

// downtimes says, from Nagios's status file, until when hosts have one of
// ours. Where there is no such file nobody has: a second one does no harm.
func downtimes(path string) map[string]time.Time {
	until := map[string]time.Time{}
	file, err := os.Open(path)
	if err != nil {
		return until
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20) // outputs of checks are long
	var values map[string]string
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		switch {
		case line == "hostdowntime {":
			values = map[string]string{}
		case values == nil:
		case line == "}":
			if end, err := strconv.ParseInt(values["end_time"], 10, 64); err == nil && values["author"] == author {
				until[values["host_name"]] = time.Unix(end, 0)
			}
			values = nil
		default:
			name, value, _ := strings.Cut(line, "=")
			values[name] = value
		}
	}
	return until
}
