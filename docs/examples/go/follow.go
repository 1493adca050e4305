// Follows what a CSAT ledger announces, over server-sent events: each announcement is printed as a line of JSON, and the
// cursor from which to go on is kept in a file, so that a restart misses nothing.
//
//	CSAT_LEDGER_TOKEN=… go run . https://ledger.example cursor.txt [--membership M] [--type EligibilityChanged]
//
// The cursor is kept once an announcement was dealt with: after a crash in between that one comes again. Who has a database
// keeps the cursor there, in the transaction of the effect, and each takes effect exactly once.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	silenceMax = 45 * time.Second // the service sends a heartbeat every 15 seconds
	pauseMin   = 200 * time.Millisecond
	pauseMax   = 15 * time.Second
	lineMax    = 1 << 20
)

// EligibilityChange is that of schemas/openapi.json. Members and values may be added to it; what is not known is passed over.
type EligibilityChange struct {
	Position      int64   `json:"position"`
	Membership    string  `json:"membership"`
	Cause         string  `json:"cause"`
	Counted       int64   `json:"counted"`
	Edition       *string `json:"edition"`
	EffectiveAt   string  `json:"effective_at"`
	Location      *string `json:"location"`
	Organisations int64   `json:"organisations"`
	Previous      bool    `json:"previous"`
	Revises       bool    `json:"revises"`
	Satisfied     bool    `json:"satisfied"`
	Via           *string `json:"via"`
	Fact          *string `json:"fact"`
	Seq           int64   `json:"seq"`
}

// DesignationChange is that of schemas/openapi.json.
type DesignationChange struct {
	Position    int64            `json:"position"`
	Membership  string           `json:"membership"`
	Area        string           `json:"area"`
	Cause       string           `json:"cause"`
	Centipoints int64            `json:"centipoints"`
	Edition     *string          `json:"edition"`
	EffectiveAt string           `json:"effective_at"`
	Metrics     map[string]int64 `json:"metrics"`
	Month       *string          `json:"month"`
	Previous    bool             `json:"previous"`
	Qualified   bool             `json:"qualified"`
	Revises     bool             `json:"revises"`
	Track       string           `json:"track"`
	Fact        *string          `json:"fact"`
	Seq         int64            `json:"seq"`
}

type cutOff struct {
	Reason   string `json:"reason"`
	Sentence string `json:"sentence"`
}

// A final error is one that asking again does not mend.
type final struct{ error }

// A feed reads what is announced over as many connections as it takes.
type feed struct {
	url    url.URL
	token  string
	cursor string // "" for the beginning
	retry  time.Duration
	heard  func(announcement any, cursor string) error // nil where the feed has only moved on
}

// follow reads for ever, or until an error that is final.
func (f *feed) follow() error {
	for failures := 1; ; failures++ {
		alive, err := f.connection()
		if errors.As(err, new(final)) {
			return err
		}
		if alive {
			failures = 1
		}
		fmt.Fprintln(os.Stderr, "lost:", err)
		whole := min(pauseMax, pauseMin<<min(failures-1, 16))
		time.Sleep(max(f.retry, whole/2+rand.N(whole/2)))
	}
}

// connection reads one connection to its end; whether anything came over it.
func (f *feed) connection() (alive bool, err error) {
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	watch := time.AfterFunc(silenceMax, func() { stop(errors.New("nothing was heard for too long")) })
	defer watch.Stop()
	target := f.url
	query := target.Query()
	if f.cursor == "" {
		query.Set("after", "0")
	}
	target.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return false, final{err}
	}
	request.Header.Set("Accept", "text/event-stream")
	request.Header.Set("Authorization", "Bearer "+f.token)
	if f.cursor != "" {
		request.Header.Set("Last-Event-ID", f.cursor)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return false, problemOf(response)
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, lineMax)
	var name, data, id string
	for lines.Scan() {
		alive = true
		watch.Reset(silenceMax)
		line := lines.Text()
		if line == "" { // the end of an event, where it has data
			if data != "" {
				if err := f.take(name, data, id); err != nil {
					return alive, err
				}
			}
			name, data = "", ""
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			name = value
		case "data":
			data = value // one line: the service writes no others
		case "id":
			id = value
		case "retry":
			if ms, err := strconv.ParseInt(value, 10, 32); err == nil {
				f.retry = time.Duration(ms) * time.Millisecond
			}
		}
	}
	if err := lines.Err(); err != nil {
		return alive, errors.Join(err, context.Cause(ctx))
	}
	return alive, errors.New("the service has ended the stream")
}

// take deals with one event, once.
func (f *feed) take(name, data, id string) error {
	var announcement any
	switch name {
	case "EligibilityChanged":
		announcement = new(EligibilityChange)
	case "DesignationChanged":
		announcement = new(DesignationChange)
	case "cut-off":
		var why cutOff
		if err := json.Unmarshal([]byte(data), &why); err != nil {
			return err
		}
		err := fmt.Errorf("%s: %s", why.Reason, why.Sentence)
		if why.Reason == "position-unknown" {
			return final{err}
		}
		return err
	case "position": // the feed has moved on, and nothing was announced
	default:
		return nil
	}
	if positionOf(id) <= positionOf(f.cursor) {
		return nil // given already
	}
	if announcement != nil {
		if err := json.Unmarshal([]byte(data), announcement); err != nil {
			return err
		}
	}
	if err := f.heard(announcement, id); err != nil {
		return final{err}
	}
	f.cursor = id
	return nil
}

func problemOf(response *http.Response) error {
	said, _ := io.ReadAll(io.LimitReader(response.Body, 2_000))
	err := fmt.Errorf("%d: %s", response.StatusCode, said)
	switch response.StatusCode {
	case 429, 502, 503, 504:
		return err
	}
	return final{err}
}

func positionOf(cursor string) int64 {
	digits, _, _ := strings.Cut(cursor, "-")
	position, _ := strconv.ParseInt(digits, 10, 64)
	return position
}

// keep keeps a cursor so that a crash leaves the old one or the new one.
func keep(file, cursor string) error {
	made, err := os.Create(file + ".new")
	if err != nil {
		return err
	}
	_, err = made.WriteString(cursor)
	if err := errors.Join(err, made.Sync(), made.Close()); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

func run(service, file string, options []string) error {
	target, err := url.Parse(strings.TrimSuffix(service, "/") + "/v1/changes")
	if err != nil {
		return err
	}
	query := target.Query()
	for at := 0; at+1 < len(options); at += 2 {
		query.Set(strings.TrimPrefix(options[at], "--"), options[at+1])
	}
	target.RawQuery = query.Encode()
	kept, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	heard := func(announcement any, cursor string) error {
		if announcement != nil {
			if err := out.Encode(announcement); err != nil {
				return err
			}
		}
		return keep(file, cursor)
	}
	f := feed{url: *target, token: os.Getenv("CSAT_LEDGER_TOKEN"), cursor: strings.TrimSpace(string(kept)), heard: heard}
	return f.follow()
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "found no URL and no file, expected: follow https://ledger.example cursor.txt")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
