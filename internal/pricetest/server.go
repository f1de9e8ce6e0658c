// Package pricetest is an AWS Price List for tests: an HTTP server that answers
// GetProducts as it is documented and refuses every request that is not.
// https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_pricing_GetProducts.html
package pricetest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// Fault breaks one request instead of answering it.
type Fault func(w http.ResponseWriter, answer []byte)

// Server is a price list on a free port of the loopback interface.
type Server struct {
	// URL is where it listens: AWS_ENDPOINT_URL_PRICING.
	URL string

	products []Product
	pageSize int

	mu       sync.Mutex
	faults   map[int]Fault
	requests int
	refused  []string
	tokens   map[string]page
}

// page is what a token goes on with.
type page struct {
	query string
	start int
}

// New starts a server of products that ends with the test. It returns at most
// pageSize of them at once, fewer than was asked for, which AWS may do too.
func New(t testing.TB, pageSize int, products []Product) *Server {
	t.Helper()
	s := &Server{products: products, pageSize: pageSize, faults: map[int]Fault{}, tokens: map[string]page{}}
	server := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(func() {
		server.Close()
		for _, why := range s.refused {
			t.Errorf("price list: refused a request: %s", why)
		}
	})
	s.URL = server.URL
	return s
}

// Break has fault answer the nth request from now, counted from 1.
func (s *Server) Break(n int, fault Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[s.requests+n] = fault
}

// Requests is how many have come in.
func (s *Server) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// getProducts is the body of a request.
type getProducts struct {
	ServiceCode   string
	FormatVersion string
	MaxResults    int
	NextToken     string
	Filters       []struct{ Type, Field, Value string }
}

// known are the services that products may be of.
var known = map[string]bool{"AmazonEC2": true, "AmazonS3": true, "AmazonVPC": true, "AmazonCloudWatch": true, "AWSELB": true}

// signature is that of version 4 for this service, in a region that has it.
var signature = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=[A-Z0-9]+/\d{8}/(us-east-1|eu-central-1|ap-south-1|cn-northwest-1)/pricing/aws4_request, SignedHeaders=\S+, Signature=[0-9a-f]{64}$`)

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	answer, err := s.answer(r)
	if fault := s.faults[s.requests]; fault != nil {
		fault(w, answer)
		return
	}
	if err != nil {
		s.refused = append(s.refused, err.Error())
		refuse(w, "InvalidParameterException", err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	// A client that has gone is its own affair.
	_, _ = w.Write(answer)
}

func (s *Server) answer(r *http.Request) ([]byte, error) {
	for name, pattern := range map[string]*regexp.Regexp{
		"X-Amz-Target":  regexp.MustCompile(`^AWSPriceListService\.GetProducts$`),
		"Content-Type":  regexp.MustCompile(`^application/x-amz-json-1\.1$`),
		"Authorization": signature,
	} {
		if !pattern.MatchString(r.Header.Get(name)) {
			return nil, fmt.Errorf("%s is %q", name, r.Header.Get(name))
		}
	}
	if r.Method != http.MethodPost || r.URL.Path != "/" {
		return nil, fmt.Errorf("%s %s, want POST /", r.Method, r.URL.Path)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var q getProducts
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&q); err != nil {
		return nil, fmt.Errorf("body %s: %w", body, err)
	}
	return s.page(q)
}

func (s *Server) page(q getProducts) ([]byte, error) {
	if !known[q.ServiceCode] || q.FormatVersion != "aws_v1" || q.MaxResults < 1 || q.MaxResults > 100 {
		return nil, fmt.Errorf("service %q, format %q, %d results", q.ServiceCode, q.FormatVersion, q.MaxResults)
	}
	query := fmt.Sprint(q.ServiceCode, q.Filters)
	start := 0
	if q.NextToken != "" {
		from, ok := s.tokens[q.NextToken]
		if !ok || from.query != query {
			return nil, fmt.Errorf("token %q is of another query", q.NextToken)
		}
		start = from.start
	}
	found := []string{}
	for _, p := range s.products {
		matches, err := p.matches(q)
		if err != nil {
			return nil, err
		}
		if matches {
			found = append(found, p.String())
		}
	}
	end := min(start+min(s.pageSize, q.MaxResults), len(found))
	answer := map[string]any{"FormatVersion": "aws_v1", "PriceList": found[start:end]}
	if end < len(found) {
		token := fmt.Sprintf("token-%d", len(s.tokens))
		s.tokens[token] = page{query, end}
		answer["NextToken"] = token
	}
	return json.Marshal(answer)
}

// Throttle is AWS's refusal of too many requests.
func Throttle(w http.ResponseWriter, _ []byte) {
	refuse(w, "ThrottlingException", "Rate exceeded")
}

// Deny is AWS's refusal of somebody without the permission.
func Deny(w http.ResponseWriter, _ []byte) {
	refuse(w, "AccessDeniedException", "User is not authorized to perform: pricing:GetProducts")
}

// Expire is AWS's refusal of a token that is too old.
func Expire(w http.ResponseWriter, _ []byte) {
	refuse(w, "ExpiredNextTokenException", "The pagination token expired")
}

// Cut ends the connection in the middle of the answer.
func Cut(w http.ResponseWriter, answer []byte) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("Content-Length", fmt.Sprint(len(answer)))
	// The connection is about to end in any case.
	_, _ = w.Write(answer[:len(answer)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func refuse(w http.ResponseWriter, code, message string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-Requestid", "00000000-0000-4000-8000-000000000000")
	w.WriteHeader(http.StatusBadRequest)
	// A client that has gone is its own affair.
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "Message": message})
}
