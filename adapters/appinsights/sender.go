package appinsights

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/portolan-io/portolan/core/fault"
)

// A sender posts envelopes, and posts those again that may be taken later.
type sender struct {
	to         connection
	client     *http.Client
	credential azcore.TokenCredential // nil: the instrumentation key is enough
	sleep      func(context.Context, time.Duration) error
}

// The times of a sender.
const (
	answering  = 15 * time.Second // at most, for one post
	firstPause = time.Second      // before the first post is repeated
	longest    = 30 * time.Second // of a pause that the endpoint did not ask for
)

// most is how many octets of an answer are read.
const most = 1 << 20

func newSender(to connection, cfg Config) (*sender, error) {
	credential, err := cfg.credential()
	if err != nil {
		return nil, err
	}
	return &sender{
		to: to, credential: credential, sleep: sleep,
		client: &http.Client{Timeout: answering, CheckRedirect: func(next *http.Request, via []*http.Request) error {
			if len(via) > 3 || !safe(next.URL) { // the endpoint sends us to that of the resource's region
				return http.ErrUseLastResponse
			}
			return nil
		}},
	}, nil
}

// send posts the envelopes until all are taken or refused for good, or ctx is done. It returns
// those that were not taken, and why.
func (s *sender) send(ctx context.Context, all []envelope) (lost []envelope, err error) {
	pause := firstPause
	for {
		later, refused, wait, cause := s.post(ctx, all)
		lost = append(lost, refused...)
		if len(refused) > 0 || len(later) > 0 {
			err = cause
		}
		if len(later) == 0 && len(lost) == 0 {
			return nil, nil
		}
		if len(later) == 0 {
			return lost, err
		}
		if wait == 0 {
			wait = pause/2 + rand.N(pause/2) // so that instances do not come all at once
			pause = min(2*pause, longest)
		}
		if s.sleep(ctx, wait) != nil {
			return append(lost, later...), err
		}
		all = later
	}
}

// post posts once. It returns the envelopes to post again later, after how long if the
// endpoint said so, and those that were refused for good.
func (s *sender) post(ctx context.Context, all []envelope) (later, refused []envelope, wait time.Duration, err error) {
	const op = "appinsights.post"
	request, err := s.request(ctx, all)
	if err != nil {
		return all, nil, 0, err
	}
	answer, err := s.client.Do(request)
	if err != nil {
		return all, nil, 0, fault.New(fault.Unavailable, op, "the ingestion endpoint cannot be reached").Because(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, most))
	if err != nil {
		return all, nil, 0, fault.New(fault.Unavailable, op, "the ingestion endpoint broke its answer off").Because(err)
	}
	switch status := answer.StatusCode; {
	case status == http.StatusOK:
		return nil, nil, 0, nil
	case status == http.StatusPartialContent:
		later, refused, err = sorted(all, body)
		return later, refused, retryAfter(answer.Header), err
	case again(status):
		return all, nil, retryAfter(answer.Header), fault.New(fault.Unavailable, op, "the ingestion endpoint answers %d", status)
	default:
		return nil, all, 0, fault.New(fault.Refused, op, "the ingestion endpoint answers %d", status).
			Hinting("400 is a wrong connection string, 401 and 403 want entra: true and the role Monitoring Metrics Publisher, 402 and 439 are the daily cap")
	}
}

// request returns a post of the envelopes, compressed.
func (s *sender) request(ctx context.Context, all []envelope) (*http.Request, error) {
	const op = "appinsights.post"
	var body bytes.Buffer
	packed := gzip.NewWriter(&body)
	if err := json.NewEncoder(packed).Encode(all); err != nil {
		return nil, fault.New(fault.Internal, op, "the envelopes cannot be written").Because(err)
	}
	if err := packed.Close(); err != nil {
		return nil, fault.New(fault.Internal, op, "the envelopes cannot be compressed").Because(err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.to.track, bytes.NewReader(body.Bytes()))
	if err != nil {
		return nil, fault.New(fault.Internal, op, "the post cannot be made").Because(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Content-Encoding", "gzip")
	if s.credential != nil {
		token, err := s.credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{s.to.scope}})
		if err != nil {
			return nil, fault.New(fault.Unavailable, op, "there is no token of Microsoft Entra").
				Hinting("look at the managed identity of the service").Because(err)
		}
		request.Header.Set("Authorization", "Bearer "+token.Token)
	}
	return request, nil
}

// again reports whether what was answered with the status may be taken later.
func again(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// sorted says by the answer to a post of which a part was taken what to post again, and what
// was refused for good.
func sorted(all []envelope, answer []byte) (later, refused []envelope, err error) {
	const op = "appinsights.post"
	var taken struct {
		Errors []struct {
			Index      int `json:"index"`
			StatusCode int `json:"statusCode"`
		} `json:"errors"`
	}
	if json.Unmarshal(answer, &taken) != nil {
		return nil, all, fault.New(fault.Unavailable, op, "the ingestion endpoint took a part and did not say which")
	}
	statuses := map[int]int{}
	for _, item := range taken.Errors {
		if item.Index < 0 || item.Index >= len(all) || statuses[item.Index] != 0 {
			continue
		}
		statuses[item.Index] = item.StatusCode
		if again(item.StatusCode) {
			later = append(later, all[item.Index])
		} else {
			refused = append(refused, all[item.Index])
		}
		err = fault.New(fault.Unavailable, op, "the ingestion endpoint did not take %d of %d items, one of them for %d", len(statuses), len(all), item.StatusCode)
	}
	return later, refused, err
}

// retryAfter returns how long to wait, or 0 if it is not said: seconds or a date.
func retryAfter(header http.Header) time.Duration {
	said := header.Get("Retry-After")
	if seconds, err := strconv.Atoi(said); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(said); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("no time is left to try again: %w", ctx.Err())
	}
}
