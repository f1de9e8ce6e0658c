package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/tandem-iac/tandem/instance"
	"github.com/tandem-iac/tandem/internal/machine"
	"github.com/tandem-iac/tandem/internal/moto"
)

// host is a throw-away machine in namespaces of its own. A process of this
// program keeps them, and relays between the machine's loopback interface and
// sockets in the session's directory, which need no network.
//
//	AWS tools ──> 127.0.0.1:5000 ──> aws ──> Cloud
//	setup script ──> 127.0.0.1:5001, metadata
//	load balancer ──> web ──> 127.0.0.1:80, Apache
type host struct {
	s      *session
	id     string
	dir    string
	keeper *exec.Cmd
	hold   io.Closer // the keeper ends when it is closed
	aws    net.Listener
	web    *httptest.Server
}

const (
	awsAddress      = "127.0.0.1:5000"
	metadataAddress = "127.0.0.1:5001"
	userDataFile    = "/var/lib/cloud-user-data"
)

// hostOrder is what the keeper is told.
type hostOrder struct{ Dir, ID, UserData string }

// hostless says why there can be no throw-away machine. Empty: there can.
func hostless() string {
	if os.Geteuid() != 0 {
		return "only the superuser can make others"
	}
	for _, program := range []string{"aws", "ansible-playbook", "apache2", "nsenter"} {
		if _, err := exec.LookPath(program); err != nil {
			return program + " is missing here"
		}
	}
	probe := exec.Command("true")
	probe.SysProcAttr = &syscall.SysProcAttr{Cloneflags: machine.Namespaces}
	if err := probe.Run(); err != nil {
		return "there is no right to make namespaces here"
	}
	return ""
}

func (s *session) newHost(id string) (*host, error) {
	sum := instance.SetupSHA256()
	script, err := instance.UserData(instance.UserDataConfig{
		Region: moto.Region, Bucket: s.bucket, SetupKey: instance.SetupKey(sum), SetupSHA256: sum, Settings: s.settings,
	})
	if err != nil {
		return nil, err
	}
	h := &host{s: s, id: id, dir: s.machineDir()}
	if h.aws, err = net.Listen("unix", filepath.Join(h.dir, "aws")); err != nil {
		return nil, err
	}
	go relay(h.aws, "tcp", strings.TrimPrefix(s.cloud.URL, "http://"))
	order, err := json.Marshal(hostOrder{Dir: h.dir, ID: id, UserData: script})
	if err != nil {
		return nil, err
	}
	if err := h.keep(string(order)); err != nil {
		return nil, errors.Join(err, h.aws.Close())
	}
	web := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "127.0.0.1"})
	web.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(h.dir, "web"))
	}, DisableKeepAlives: true}
	web.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	h.web = httptest.NewServer(web)
	return h, nil
}

// keep starts the keeper and waits until the machine can boot.
func (h *host) keep(order string) error {
	h.keeper = exec.Command(h.s.program, hostRole, order)
	h.keeper.Stderr = os.Stderr
	h.keeper.SysProcAttr = &syscall.SysProcAttr{Cloneflags: machine.Namespaces, Setpgid: true}
	hold, err := h.keeper.StdinPipe()
	if err != nil {
		return err
	}
	said, err := h.keeper.StdoutPipe()
	if err != nil {
		return err
	}
	h.hold = hold
	if err := h.keeper.Start(); err != nil {
		return err
	}
	if _, err := bufio.NewReader(said).ReadString('\n'); err != nil {
		return fmt.Errorf("the machine cannot be made: %w", errors.Join(hold.Close(), h.keeper.Wait()))
	}
	return nil
}

func (h *host) kind() string { return "a machine of its own, with Ansible and Apache" }
func (h *host) URL() string  { return h.web.URL }

func (h *host) Stop() {
	h.web.CloseClientConnections()
	h.web.Close()
	err := errors.Join(h.hold.Close(), h.keeper.Wait(), h.aws.Close())
	if err != nil {
		h.s.report(fmt.Errorf("%s: %w", h.id, err))
	}
	h.s.gone(h.id)
}

// inside is a program that runs on the machine.
func (h *host) inside(args ...string) []string {
	return append([]string{"nsenter", "--target", strconv.Itoa(h.keeper.Process.Pid), "--mount", "--net", "--pid", "--",
		"chroot", filepath.Join(h.dir, "base", "root")}, args...)
}

func (h *host) env() []string {
	env := []string{"PATH=" + machine.SearchPath(), "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://" + metadataAddress}
	for name, value := range moto.Environment("http://" + awsAddress) {
		env = append(env, name+"="+value)
	}
	return env
}

func (h *host) Command(script string) (*exec.Cmd, error) {
	args := h.inside("/bin/bash", "-c", script)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = h.env()
	return cmd, nil
}

func (h *host) first(ctx context.Context) (*exec.Cmd, error) {
	// What user data says is for the console.
	args := h.inside("/bin/bash", "-c", userDataFile+"; code=$?; sleep 0.2; cat /dev/console; exit $code")
	cmd := grouped(exec.CommandContext(ctx, args[0], args[1:]...))
	cmd.Env = h.env()
	return cmd, nil
}

// keepHost makes the machine and keeps its namespaces until standard input
// ends. All that runs in them ends with this process, which is their first.
func keepHost(text string) error {
	var order hostOrder
	if err := json.Unmarshal([]byte(text), &order); err != nil {
		return err
	}
	m, err := machine.New(filepath.Join(order.Dir, "base"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(m.Path(userDataFile), []byte(order.UserData), 0o700); err != nil {
		return err
	}
	if err := machine.RaiseLoopback(); err != nil {
		return err
	}
	aws, err := net.Listen("tcp", awsAddress)
	if err != nil {
		return err
	}
	metadata, err := net.Listen("tcp", metadataAddress)
	if err != nil {
		return err
	}
	web, err := net.Listen("unix", filepath.Join(order.Dir, "web"))
	if err != nil {
		return err
	}
	go relay(aws, "unix", filepath.Join(order.Dir, "aws"))
	go relay(web, "tcp", "127.0.0.1:80")
	go func() { _ = http.Serve(metadata, identity(order.ID)) }() // ends with the process
	if _, err := fmt.Println("ready"); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// identity is as much of the metadata service as the setup script asks.
type identity string

func (id identity) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const token = "a-token"
	switch {
	case r.Method == http.MethodPut && r.URL.Path == "/latest/api/token":
		fmt.Fprint(w, token)
	case r.Header.Get("X-aws-ec2-metadata-token") != token:
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path == "/latest/meta-data/instance-id":
		fmt.Fprint(w, string(id))
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// relay connects whoever comes to an address, until the listener is closed.
func relay(from net.Listener, network, address string) {
	for {
		in, err := from.Accept()
		if err != nil {
			return
		}
		go func() {
			defer in.Close()
			out, err := net.Dial(network, address)
			if err != nil {
				return
			}
			defer out.Close()
			go func() {
				_, _ = io.Copy(out, in) // either end may go at any time
				if half, ok := out.(interface{ CloseWrite() error }); ok {
					_ = half.CloseWrite()
				}
			}()
			_, _ = io.Copy(in, out)
		}()
	}
}
