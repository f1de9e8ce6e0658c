package cli

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/fleettest"
	"github.com/tandem-iac/tandem/internal/logs"
	"github.com/tandem-iac/tandem/internal/logstest"
	"github.com/tandem-iac/tandem/internal/moto"
)

// activity is one of Auto Scaling's, of which moto keeps none.
type activity struct {
	ActivityID                                                      string `xml:"ActivityId"`
	AutoScalingGroupName, Description, Cause, StartTime, StatusCode string
	EndTime                                                         string `xml:",omitempty"`
}

// withActivities answers DescribeScalingActivities before a cloud, two a page.
func withActivities(t *testing.T, cloud *fleettest.Cloud, all []activity) string {
	t.Helper()
	target, err := url.Parse(cloud.URL)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		if form.Get("Action") != "DescribeScalingActivities" {
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			forward.ServeHTTP(w, r)
			return
		}
		var of []activity
		for _, a := range all {
			if a.AutoScalingGroupName == form.Get("AutoScalingGroupName") {
				of = append(of, a)
			}
		}
		from := 0
		if token := form.Get("NextToken"); token != "" {
			from, _ = strconv.Atoi(token) // it is ours
		}
		page := struct {
			XMLName   xml.Name   `xml:"DescribeScalingActivitiesResponse"`
			Members   []activity `xml:"DescribeScalingActivitiesResult>Activities>member"`
			NextToken string     `xml:"DescribeScalingActivitiesResult>NextToken,omitempty"`
		}{Members: of[from:min(from+2, len(of))]}
		if from+2 < len(of) {
			page.NextToken = fmt.Sprint(from + 2)
		}
		_ = xml.NewEncoder(w).Encode(page)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestLogsCheck(t *testing.T) {
	cloud, _ := newCloud(t)
	now := time.Now().UTC()
	var all []activity
	gone := func(group, id string, ago time.Duration, status string) {
		a := activity{
			ActivityID: id, AutoScalingGroupName: group, Description: "Terminating EC2 instance: " + id, Cause: "test",
			StartTime: now.Add(-ago).Format(time.RFC3339), EndTime: now.Add(-ago + time.Minute).Format(time.RFC3339), StatusCode: status,
		}
		if status == "InProgress" {
			a.EndTime = ""
		}
		all = append(all, a)
	}
	gone(cloud.Spot, "i-0aaa", time.Minute, "InProgress")
	gone(cloud.Spot, "i-0bbb", time.Hour, "Successful")
	gone(cloud.Spot, "i-0ccc", 2*time.Hour, "Successful")
	gone(cloud.Spot, "i-0ddd", 3*time.Hour, "Successful")
	gone(cloud.Spot, "i-0eee", 30*time.Hour, "Successful")
	all = append(all, activity{AutoScalingGroupName: cloud.OnDemand, Description: "Launching a new EC2 instance: i-0fff", StartTime: now.Format(time.RFC3339), StatusCode: "Successful"})
	gone(cloud.OnDemand, "i-0fed", time.Hour, "Failed")
	aws := withActivities(t, cloud, all)

	index, err := logstest.NewIndex(logstest.IndexConfig{User: "operator", Password: "p:ss \"word\""})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(index)
	t.Cleanup(server.Close)
	at := now.Add(-time.Hour)
	say := func(id, source, message string) {
		t.Helper()
		at = at.Add(time.Second)
		name := fmt.Sprintf("%s:%d", id, len(index.Documents()))
		err := index.Put("logs-"+now.Format("2006.01.02"), name, map[string]any{
			"id": name, "@timestamp": at.Format(time.RFC3339Nano), "instance_id": id, "source": source, "message": message,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	marker := func(id string) string {
		return fmt.Sprintf(`{"time":"…","level":"INFO","msg":"spotwatch final marker","instance":%q,"reason":"interruption"}`, id)
	}
	// A hook counts as it has ended last.
	const flushed, unflushed = `{"msg":"hook ended","hook":"/etc/tandem/flush.d/90-tandem-logs"}`, `{"msg":"hook failed","hook":"/etc/tandem/flush.d/90-tandem-logs"}`
	say("i-0bbb", "spotwatch", unflushed)
	say("i-0bbb", "spotwatch", flushed)
	say("i-0bbb", "spotwatch", marker("i-0bbb"))
	// Neither what a service says nor what a hook says is a marker.
	say("i-0ccc", "service", marker("i-0ccc"))
	say("i-0ccc", "spotwatch", `{"msg":"hook says","line":"spotwatch final marker"}`)
	say("i-0ddd", "spotwatch", flushed)
	say("i-0ddd", "spotwatch", unflushed)
	say("i-0ddd", "spotwatch", `{"msg":"hook ended","hook":"/etc/tandem/flush.d/10-another"}`)
	say("i-0ddd", "spotwatch", marker("i-0ddd"))

	run := func(wantCode int, args ...string) (stdout, stderr string) {
		t.Helper()
		cmd := exec.Command("tandem", append([]string{"logs", "check", "--environment", cloud.Environment, "--url", server.URL}, args...)...)
		cmd.Env = append(os.Environ(), `TANDEM_LOG_INDEX_PASSWORD=p:ss "word"`)
		for name, value := range moto.Environment(aws) {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		var out, said strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &said
		_ = cmd.Run() // the code tells
		if code := cmd.ProcessState.ExitCode(); code != wantCode {
			t.Errorf("%q ends with %d, want %d\n%s%s", args, code, wantCode, &out, &said)
		}
		return out.String(), said.String()
	}

	out, said := run(exitFailure, "--user", "operator")
	for _, want := range []string{"4 instances terminated since", "1 complete, 2 without all of their logs, 1 pending", "i-0ddd", "unshipped", "i-0ccc", "no marker", "pending"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s%s", want, out, said)
		}
	}
	if strings.Contains(out, "i-0bbb") || strings.Contains(out, "i-0eee") || strings.Contains(out, "i-0fed") {
		t.Errorf("instances are listed that have lost nothing:\n%s", out)
	}
	out, _ = run(exitFailure, "obelix", "--user", "operator", "--since", "40h", "--json")
	var report logs.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if len(report.Instances) != 5 || report.Complete != 1 || report.Lost != 3 || report.Pending != 1 || report.Instances[0].ID != "i-0eee" {
		t.Errorf("got %+v", report)
	}
	say("i-0ccc", "spotwatch", marker("i-0ccc"))
	if out, _ = run(exitOK, "--user", "operator", "--since", "150m"); !strings.Contains(out, "2 complete, 0 without") {
		t.Errorf("got %s", out)
	}
	if _, said := run(exitFailure); !strings.Contains(said, "401 Unauthorized: missing authentication credentials") {
		t.Errorf("got %s", said)
	}
	if out, _ := run(exitOK, "--user", "operator", "--since", "1m"); !strings.Contains(out, "0 instances terminated") {
		t.Errorf("got %s", out)
	}
	if _, said := run(exitFailure, "--since", "1m", "--url", "http://127.0.0.1:1"); !strings.Contains(said, "the index does not answer") {
		t.Errorf("nobody gone, and no index: got %s", said)
	}
	for want, args := range map[string][]string{
		"--since is 1s, want 1m":         {"--since", "1s"},
		"--settle is -1s, want 0s":       {"--settle", "-1s"},
		`--prefix is "Logs", want`:       {"--prefix", "Logs"},
		`--url is "ftp://x", want`:       {"--url", "ftp://x"},
		"without a password":             {"--url", "https://me:secret@x"},
		"--ca: open nowhere":             {"--ca", "nowhere"},
		"want https, because a password": {"--url", "http://logs.example.com", "--user", "operator"},
		"none of the others can be":      {"--user", "a", "--secret", "b"},
		`unexpected argument "b"`:        {"a", "b"},
		"there is no cluster nobody of":  {"nobody", "--user", "operator"},
	} {
		if _, said := run(exitInput, args...); !strings.Contains(said, want) {
			t.Errorf("%q says %q, want %q", args, said, want)
		}
	}
	if len(index.Counts().Malformed) > 0 {
		t.Errorf("the index was asked what it does not understand: %q", index.Counts().Malformed)
	}
}
