package fleettest

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	scaling "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/tandem-iac/tandem/internal/moto"
)

// Call is a request to AWS.
type Call struct {
	// Service is the name it is signed for, such as autoscaling.
	Service, Action string
	// Subject is the instance it is about. Empty: none or many.
	Subject string
	// Script is that of a SendCommand.
	Script string
}

// Fault is what AWS answers instead of doing what it was asked.
type Fault struct {
	Status        int
	Code, Message string
	// Before runs first. With an empty Code the call is then carried out.
	Before func()
	// Pretend is the status of a command that a GetCommandInvocation reports.
	Pretend string
}

const requestID = "4442587f-b7d0-a2f9-0000-000000000000"

var scope = regexp.MustCompile(`Credential=[^/]*/[0-9]*/[^/]*/([^/]*)/aws4_request`)

// drainingPolls is how often a target that leaves is seen draining.
const drainingPolls = 1

func (c *Cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	call, form, parameters := parse(r, body)
	c.mu.Lock()
	c.calls = append(c.calls, call)
	fault := c.fault
	c.mu.Unlock()
	var f Fault
	if fault != nil {
		if wanted := fault(call); wanted != nil {
			f = *wanted
		}
	}
	if f.Before != nil {
		f.Before()
	}
	if f.Code == "" {
		f = c.refuse(call, form, f)
	}
	if f.Code != "" {
		f.answer(w, call.Service)
		return
	}
	switch call.Action {
	case "SendCommand":
		c.send(w, r, body, call)
	case "GetCommandInvocation":
		c.result(w, parameters, f.Pretend)
	case "CancelCommand":
		c.commandOf(parameters).kill()
		reply(w, []byte("{}"))
	case "DescribeTargetHealth":
		c.health(w, r, body)
	default:
		if call.Action == "DeregisterTargets" {
			c.leave(call.Subject)
		}
		answer, status, header := c.forward(r, body)
		if status == http.StatusOK && strings.HasSuffix(call.Action, "Standby") {
			c.mu.Lock()
			c.standby[call.Subject] = call.Action == "EnterStandby"
			c.mu.Unlock()
		}
		if status == http.StatusOK && call.Action == "TerminateInstances" {
			c.replace()
		}
		maps.Copy(w.Header(), header)
		w.WriteHeader(status)
		reply(w, answer)
	}
}

func reply(w http.ResponseWriter, body []byte) {
	_, _ = w.Write(body) // a client that has gone needs no answer
}

type commandParameters struct {
	CommandID   string   `json:"CommandId"`
	InstanceID  string   `json:"InstanceId"`
	InstanceIDs []string `json:"InstanceIds"`
	Parameters  map[string][]string
}

func parse(r *http.Request, body []byte) (Call, url.Values, commandParameters) {
	var call Call
	if m := scope.FindStringSubmatch(r.Header.Get("Authorization")); m != nil {
		call.Service = m[1]
	}
	var parameters commandParameters
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		_, call.Action, _ = strings.Cut(target, ".")
		_ = json.Unmarshal(body, &parameters) // other calls look different
		call.Subject = parameters.InstanceID
		if len(parameters.InstanceIDs) == 1 {
			call.Subject = parameters.InstanceIDs[0]
		}
		call.Script = strings.Join(parameters.Parameters["commands"], "\n")
		return call, nil, parameters
	}
	form, _ := url.ParseQuery(string(body)) // moto will say so
	call.Action = form.Get("Action")
	for _, key := range []string{"InstanceIds.member.1", "Targets.member.1.Id"} {
		if id := form.Get(key); id != "" {
			call.Subject = id
		}
	}
	return call, form, parameters
}

// refuse says what AWS refuses and moto does not.
func (c *Cloud) refuse(call Call, form url.Values, f Fault) Fault {
	no := func(format string, args ...any) Fault {
		return Fault{Status: http.StatusBadRequest, Code: "ValidationError", Message: fmt.Sprintf(format, args...)}
	}
	switch call.Action {
	case "EnterStandby", "ExitStandby":
		g := c.Group(form.Get("AutoScalingGroupName"))
		at := slices.IndexFunc(g.Instances, func(i scaling.Instance) bool { return *i.InstanceId == call.Subject })
		switch {
		case at < 0:
			return no("The instance %s is not part of Auto Scaling group %s.", call.Subject, *g.AutoScalingGroupName)
		case call.Action == "EnterStandby" && g.Instances[at].LifecycleState != scaling.LifecycleStateInService:
			return no("The instance %s is not in InService.", call.Subject)
		case call.Action == "EnterStandby" && *g.DesiredCapacity <= *g.MinSize:
			return no("AutoScalingGroup %s has min-size=%d and desired-size=%d. To place into standby 1 instance, please update the AutoScalingGroup sizes appropriately.", *g.AutoScalingGroupName, *g.MinSize, *g.DesiredCapacity)
		case call.Action == "ExitStandby" && g.Instances[at].LifecycleState != scaling.LifecycleStateStandby:
			return no("The instance %s is not in Standby.", call.Subject)
		case call.Action == "ExitStandby" && *g.DesiredCapacity >= *g.MaxSize:
			return no("AutoScalingGroup %s has max-size=%d.", *g.AutoScalingGroupName, *g.MaxSize)
		}
	}
	return f
}

// leave notes that a target drains. In service, with the load balancer's
// health check, it would now be replaced.
func (c *Cloud) leave(id string) {
	for _, g := range []string{c.Spot, c.OnDemand} {
		for _, i := range c.Group(g).Instances {
			if *i.InstanceId == id && i.LifecycleState != scaling.LifecycleStateStandby {
				c.mu.Lock()
				c.violations = append(c.violations, fmt.Sprintf("%s was deregistered while %s: its group would replace it", id, i.LifecycleState))
				c.mu.Unlock()
			}
		}
	}
	m := c.Machine(id)
	m.mu.Lock()
	m.draining = drainingPolls
	m.mu.Unlock()
}

func (c *Cloud) forward(r *http.Request, body []byte) ([]byte, int, http.Header) {
	out, err := http.NewRequestWithContext(r.Context(), r.Method, c.cfg.URL+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	out.Header = r.Header.Clone()
	answer, err := moto.Member(c.cfg.Account).Do(out)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	return text, answer.StatusCode, answer.Header
}

func (c *Cloud) send(w http.ResponseWriter, r *http.Request, body []byte, call Call) {
	running, err := c.Machine(call.Subject).run(call.Script)
	if err != nil {
		Fault{Status: http.StatusBadRequest, Code: "InvalidInstanceId", Message: err.Error()}.answer(w, "ssm")
		return
	}
	answer, status, _ := c.forward(r, body)
	var sent struct {
		Command struct {
			CommandID string `json:"CommandId"`
		}
	}
	if err := json.Unmarshal(answer, &sent); err != nil {
		panic(http.ErrAbortHandler)
	}
	c.mu.Lock()
	c.commands[sent.Command.CommandID] = running
	c.mu.Unlock()
	w.WriteHeader(status)
	reply(w, answer)
}

func (c *Cloud) commandOf(p commandParameters) *command {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.commands[p.CommandID]
}

func (c *Cloud) result(w http.ResponseWriter, p commandParameters, pretend string) {
	running := c.commandOf(p)
	answer := map[string]any{"CommandId": p.CommandID, "InstanceId": p.InstanceID, "Status": "InProgress", "StatusDetails": "InProgress", "ResponseCode": -1}
	select {
	case <-running.done:
		answer["Status"] = "Success"
		if running.code != 0 {
			answer["Status"] = "Failed"
		}
		answer["ResponseCode"] = running.code
		// The beginning is what Systems Manager keeps.
		answer["StandardOutputContent"] = head(running.stdout.String(), 24000)
		answer["StandardErrorContent"] = head(running.stderr.String(), 8000)
		answer["StatusDetails"] = answer["Status"]
	default:
	}
	if pretend != "" {
		answer["Status"], answer["StatusDetails"] = pretend, pretend
	}
	text, err := json.Marshal(answer)
	if err != nil {
		panic(err)
	}
	reply(w, text)
}

func head(text string, n int) string { return text[:min(n, len(text))] }

type targetHealth struct {
	XMLName xml.Name `xml:"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/ DescribeTargetHealthResponse"`
	Members []target `xml:"DescribeTargetHealthResult>TargetHealthDescriptions>member"`
}

type target struct {
	ID     string `xml:"Target>Id"`
	Port   int    `xml:"Target>Port"`
	State  string `xml:"TargetHealth>State"`
	Reason string `xml:"TargetHealth>Reason,omitempty"`
}

// health answers with what the machines themselves answer.
func (c *Cloud) health(w http.ResponseWriter, r *http.Request, body []byte) {
	text, status, _ := c.forward(r, body)
	if status != http.StatusOK {
		w.WriteHeader(status)
		reply(w, text)
		return
	}
	var answer targetHealth
	if err := xml.Unmarshal(text, &answer); err != nil {
		panic(err)
	}
	// Whenever a group changes, moto registers all its members anew.
	c.mu.Lock()
	answer.Members = slices.DeleteFunc(answer.Members, func(t target) bool { return c.standby[t.ID] })
	c.mu.Unlock()
	serving := 0
	for i, t := range answer.Members {
		if c.Machine(t.ID).healthy() {
			serving++
			continue
		}
		answer.Members[i].State, answer.Members[i].Reason = "unhealthy", "Target.ResponseCodeMismatch"
	}
	c.mu.Lock()
	if c.serving < 0 || serving < c.serving {
		c.serving = serving
	}
	var leaving []*Machine
	for _, m := range c.machines {
		leaving = append(leaving, m)
	}
	c.mu.Unlock()
	for _, m := range leaving {
		m.mu.Lock()
		if m.draining > 0 {
			m.draining--
			answer.Members = append(answer.Members, target{ID: m.id, Port: 80, State: "draining", Reason: "Target.DeregistrationInProgress"})
		}
		m.mu.Unlock()
	}
	out, err := xml.Marshal(answer)
	if err != nil {
		panic(err)
	}
	reply(w, out)
}

// answer writes an error in the protocol of the service.
func (f Fault) answer(w http.ResponseWriter, service string) {
	if f.Status == 0 {
		f.Status = http.StatusBadRequest
	}
	w.Header().Set("X-Amzn-Requestid", requestID)
	w.WriteHeader(f.Status)
	switch service {
	case "ssm":
		fmt.Fprintf(w, `{"__type":%q,"message":%q}`, f.Code, f.Message)
	case "ec2":
		fmt.Fprintf(w, `<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors><RequestID>%s</RequestID></Response>`, f.Code, f.Message, requestID)
	default:
		fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>%s</RequestId></ErrorResponse>`, f.Code, f.Message, requestID)
	}
}
