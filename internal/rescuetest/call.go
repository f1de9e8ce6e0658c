package rescuetest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tandem-iac/tandem/internal/moto"
)

// Call is a request of the agent's.
type Call struct {
	// Action is the operation, such as ExecutePolicy.
	Action string
	// Form holds its parameters, where it has them in a form.
	Form url.Values
	// N counts the calls of the action, from 1.
	N int
	// At is when it came.
	At time.Time
}

// Fault is what becomes of a call. The zero value lets it through.
type Fault struct {
	// Before runs before the call is carried out, After once it has been.
	Before, After func()
	// Drop closes the connection before the call is carried out, DropAnswer
	// afterwards.
	Drop, DropAnswer bool
	// Status and Code refuse the call.
	Status int
	Code   string
}

// Faults asks fault, for each call, what becomes of it. Nil: nothing goes wrong.
func (c *Cloud) Faults(fault func(Call) Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault = fault
}

// Calls are those so far, of some actions or of all.
func (c *Cloud) Calls(actions ...string) []Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	var calls []Call
	for _, call := range c.calls {
		if len(actions) == 0 || strings.Contains(" "+strings.Join(actions, " ")+" ", " "+call.Action+" ") {
			calls = append(calls, call)
		}
	}
	return calls
}

// ServeHTTP passes a call on to moto, unless it is to fail.
func (c *Cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	call, fault := c.note(r, body)
	if fault.Before != nil {
		fault.Before()
	}
	switch {
	case fault.Drop:
		panic(http.ErrAbortHandler)
	case fault.Status != 0:
		w.WriteHeader(fault.Status)
		fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>injected</Message></Error><RequestId>4442587F-B7D0-A2F9</RequestId></ErrorResponse>`, fault.Code)
		return
	}
	c.underWay.Add(1)
	status, header, answer, err := c.carryOut(r, call, body)
	c.underWay.Add(-1)
	if fault.After != nil {
		fault.After()
	}
	if err != nil || fault.DropAnswer {
		panic(http.ErrAbortHandler)
	}
	for name, values := range header {
		w.Header()[name] = values
	}
	w.WriteHeader(status)
	_, _ = w.Write(answer) // the agent may be gone
}

func (c *Cloud) note(r *http.Request, body []byte) (Call, Fault) {
	call := Call{Action: r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:], At: time.Now()}
	plain := body
	if r.Header.Get("Content-Encoding") == "gzip" {
		if z, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
			plain, _ = io.ReadAll(z) // what cannot be read has no action
		}
	}
	if form, err := url.ParseQuery(string(plain)); err == nil && form.Get("Action") != "" {
		call.Action, call.Form = form.Get("Action"), form
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count[call.Action]++
	call.N = c.count[call.Action]
	c.calls = append(c.calls, call)
	if c.fault == nil {
		return call, Fault{}
	}
	return call, c.fault(call)
}

func (c *Cloud) carryOut(r *http.Request, call Call, body []byte) (int, http.Header, []byte, error) {
	if !strings.HasPrefix(call.Action, "Describe") {
		c.writing.Lock()
		defer c.writing.Unlock()
	}
	if call.Action == "CompleteLifecycleAction" { // moto knows no lifecycle actions
		return done(call.Action)
	}
	if call.Action == "ExecutePolicy" {
		group, err := c.group(r.Context(), c.OnDemand)
		if err == nil && *group.DesiredCapacity >= *group.MaxSize { // moto goes beyond it
			return done("ExecutePolicy")
		}
	}
	if call.Action == "ExecutePolicy" && call.Form.Get("PolicyName") == c.Policy { // moto knows them by name alone
		call.Form.Set("PolicyName", policyName)
		body = []byte(call.Form.Encode())
	}
	// The agent may go, its call does not.
	out, err := http.NewRequestWithContext(context.WithoutCancel(r.Context()), r.Method, c.moto+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	out.Header = r.Header.Clone()
	answer, err := moto.Member(c.account).Do(out)
	if err != nil {
		return 0, nil, nil, err
	}
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, answer.Header, text, errors.Join(err, answer.Body.Close())
}

// done is Auto Scaling's answer to what it has done.
func done(action string) (int, http.Header, []byte, error) {
	return http.StatusOK, nil, fmt.Appendf(nil, `<%[1]sResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><%[1]sResult/></%[1]sResponse>`, action), nil
}
