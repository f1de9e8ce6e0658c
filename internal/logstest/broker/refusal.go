package main

import (
	"encoding/binary"
	"net"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// refusing is a listener to connections of which nobody is dropped for a wrong
// password without a word: brokers say so, kfake ends the connection.
type refusing struct{ net.Listener }

// Accept waits for the next connection.
func (l refusing) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &loginConn{Conn: c}, nil
}

// loginConn is a connection that knows whether an attempt to log in waits for an
// answer.
type loginConn struct {
	net.Conn

	// head is what has been read of a request's first bytes: size, kind, version
	// and number. rest is how many bytes come after them.
	head []byte
	rest int

	mu sync.Mutex
	// waiting is the head of the attempt. Nil: there is none.
	waiting []byte
}

const headSize = 4 + 2 + 2 + 4

func (c *loginConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	for b := p[:n]; len(b) > 0; {
		if c.rest > 0 {
			skip := min(c.rest, len(b))
			c.rest, b = c.rest-skip, b[skip:]
			continue
		}
		take := min(headSize-len(c.head), len(b))
		c.head, b = append(c.head, b[:take]...), b[take:]
		if len(c.head) < headSize {
			continue
		}
		c.rest = max(0, int(binary.BigEndian.Uint32(c.head))-(headSize-4))
		if kmsg.Key(binary.BigEndian.Uint16(c.head[4:])) == kmsg.SASLAuthenticate {
			c.await(c.head)
		}
		c.head = nil
	}
	return n, err
}

// await notes what waits for an answer, and returns what has until now.
func (c *loginConn) await(head []byte) (before []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, c.waiting = c.waiting, head
	return before
}

func (c *loginConn) Write(p []byte) (int, error) {
	c.await(nil)
	return c.Conn.Write(p)
}

// Close ends the connection, after a refusal where an attempt to log in has had
// no answer.
func (c *loginConn) Close() error {
	if head := c.await(nil); head != nil {
		// The client may be gone: then nobody wants to know.
		_, _ = c.Conn.Write(refusal(int16(binary.BigEndian.Uint16(head[6:])), head[8:]))
	}
	return c.Conn.Close()
}

// refusal is the answer to an attempt to log in with a wrong password.
func refusal(version int16, number []byte) []byte {
	said := "Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-512"
	response := kmsg.NewPtrSASLAuthenticateResponse()
	response.Version, response.ErrorCode, response.ErrorMessage = version, kerr.SaslAuthenticationFailed.Code, &said
	frame := append(make([]byte, 4), number...)
	if response.IsFlexible() {
		frame = append(frame, 0)
	}
	frame = response.AppendTo(frame)
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	return frame
}
