package maillog_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/adapters/maillog"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/mail"
	"github.com/portolan-io/portolan/ports/mail/mailtest"
)

// A paper is what is printed on, until it is torn.
type paper struct {
	bytes.Buffer
	torn bool
}

func (p *paper) Write(octets []byte) (int, error) {
	if p.torn {
		return 0, errors.New("the paper is torn")
	}
	return p.Buffer.Write(octets)
}

func TestSuite(t *testing.T) {
	mailtest.Run(t, func(t *testing.T) mailtest.Harness {
		p := &paper{}
		s, err := maillog.Open(t.Context(), maillog.Config{Out: p})
		if err != nil {
			t.Fatal(err)
		}
		return mailtest.Harness{
			Sender: s, Break: func(contract.T) { p.torn = true },
			Taken: func(contract.T) (all []mail.Message) {
				for _, each := range strings.Split(p.String(), "--- mail to ")[1:] {
					head, text, _ := strings.Cut(each, "\n")
					to, subject, _ := strings.Cut(head, ": ")
					all = append(all, mail.Message{To: to, Subject: subject, Text: strings.TrimSuffix(text, "---\n")})
				}
				return all
			},
		}
	})
}
