package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// emulated is the project of the Auth emulator. What begins with demo- is never asked of
// Google.
const emulated = "demo-portolan"

// emulator starts the Auth emulator of Firebase, and returns its address. It ends with
// the test.
func emulator(t *testing.T) string {
	t.Helper()
	program := filepath.Join(tools(t), "firebase-tools", "lib", "bin", "firebase.js")
	address, dir := freeAddress(t), t.TempDir()
	_, port, _ := net.SplitHostPort(address)
	_, hub, _ := net.SplitHostPort(freeAddress(t))
	_, logging, _ := net.SplitHostPort(freeAddress(t))
	write(t, dir, "firebase.json", fmt.Sprintf(`{"emulators": {
  "auth": {"host": "127.0.0.1", "port": %s}, "ui": {"enabled": false},
  "hub": {"host": "127.0.0.1", "port": %s}, "logging": {"host": "127.0.0.1", "port": %s}
}}`, port, hub, logging))
	cmd := exec.Command("node", program, "emulators:start", "--only", "auth", "--project", emulated)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir, "TMPDIR="+dir)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-ended
	})
	for {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			_ = response.Body.Close()
			return address
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("the emulator ended: %v\n%s", err, log.String())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// accountsServer serves a collection for whoever has an account, with the lines of the
// configuration that say where accounts are.
//
// Its mail goes to the mailbox.
func accountsServer(t *testing.T, lines string, box *mailbox) string {
	t.Helper()
	return serve(t, t.TempDir(), write(t, t.TempDir(), "portolan.yaml", `service: {listen: "127.0.0.1:${PORT}", admin: off, key_pepper: "q7Vw2mKx9Tn4Rb8Yc6Ld3Hf5Js1Gz0Pa"}
repository: {driver: memory}
mail: {driver: smtp, smtp: {host: 127.0.0.1, port: `+box.port()+`, from: shop@shop.example, tls: none}}
`+lines+`
collections:
  things:
    id: id
    fields: {id: {type: string, max: 16}}
    access: {authenticated: {all: true}}
`))
}

// atFirebase are the lines for accounts that the emulator keeps.
func atFirebase(address string) string {
	return fmt.Sprintf(`auth: [{driver: firebase, firebase: {project: %s, emulator: %q, check_revoked: true}}]
accounts: {provider: firebase, signup: open}`, emulated, address)
}

// shown is what a login is shown by.
type shown struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Type    string `json:"token_type"`
}

// enter asks for a login below auth.
func enter(t *testing.T, server, path, body string, header ...string) shown {
	t.Helper()
	text, _ := ask(t, http.MethodPost, server+"/v1/auth/"+path, body, http.StatusOK, header...)
	var login shown
	if err := json.Unmarshal([]byte(text), &login); err != nil || login.Access == "" || login.Refresh == "" || login.Type != "Bearer" {
		t.Fatalf("%s answers without tokens: %v", path, err)
	}
	return login
}

// refusing returns what asks below auth for something that is refused.
func refusing(t *testing.T, server string) func(path, body, code string, status int, header ...string) {
	return func(path, body, code string, status int, header ...string) {
		t.Helper()
		if text, _ := ask(t, http.MethodPost, server+"/v1/auth/"+path, body, status, header...); !strings.Contains(text, `"`+code+`"`) {
			t.Errorf("%s answers %.300s, want the code %s", path, text, code)
		}
	}
}

// client is one client of accounts, from its sign-up until it is not let in any more. It
// does not know where accounts are.
func client(t *testing.T, server string) {
	t.Helper()
	const anna, first, second = "anna@shop.example", "correct horse battery", "another staple of hers"
	bearer := func(l shown) []string { return []string{"Authorization", "Bearer " + l.Access} }
	body := func(password string) string { return fmt.Sprintf(`{"email":%q,"password":%q}`, anna, password) }
	refused := refusing(t, server)
	ask(t, http.MethodPost, server+"/v1/auth/signup", body(first), http.StatusCreated)
	refused("signup", body(first), "account-exists", http.StatusConflict)
	refused("login", body(second), "wrong-password", http.StatusUnauthorized)
	refused("login", `{"email":"otto@shop.example","password":"`+first+`"}`, "wrong-password", http.StatusUnauthorized)

	login := enter(t, server, "login", body(first))
	if text, _ := ask(t, http.MethodGet, server+"/v1/auth/me", "", http.StatusOK, bearer(login)...); !strings.Contains(text, anna) || !strings.Contains(text, `"created":"20`) {
		t.Errorf("me is %s, want %s", text, anna)
	}
	ask(t, http.MethodPost, server+"/v1/things", `{"id":"one"}`, http.StatusUnauthorized)
	ask(t, http.MethodPost, server+"/v1/things", `{"id":"one"}`, http.StatusCreated, bearer(login)...)

	login = enter(t, server, "refresh", fmt.Sprintf(`{"refresh_token":%q}`, login.Refresh))
	ask(t, http.MethodGet, server+"/v1/things/one", "", http.StatusOK, bearer(login)...)
	refused("refresh", `{"refresh_token":"none"}`, "bad-refresh-token", http.StatusUnauthorized)

	change := func(current string) string {
		return fmt.Sprintf(`{"current_password":%q,"new_password":%q}`, current, second)
	}
	refused("password", change("not the one she has"), "wrong-password", http.StatusUnauthorized, bearer(login)...)
	login = enter(t, server, "password", change(first), bearer(login)...)
	refused("login", body(first), "wrong-password", http.StatusUnauthorized)
	ask(t, http.MethodGet, server+"/v1/things/one", "", http.StatusOK, bearer(login)...)

	ask(t, http.MethodPost, server+"/v1/auth/logout", "", http.StatusNoContent, bearer(login)...)
	ask(t, http.MethodGet, server+"/v1/things/one", "", http.StatusUnauthorized, bearer(login)...)
	refused("refresh", fmt.Sprintf(`{"refresh_token":%q}`, login.Refresh), "bad-refresh-token", http.StatusUnauthorized)
	enter(t, server, "login", body(second))
}

// forgetful is a client who shows that his address is his, and forgets his password. Nor
// does it know where accounts are.
func forgetful(t *testing.T, server string, box *mailbox) {
	t.Helper()
	const first, other, third = "correct horse battery", "another staple of his", "a third one for bert"
	bearer := func(l shown) []string { return []string{"Authorization", "Bearer " + l.Access} }
	body := func(password string) string {
		return fmt.Sprintf(`{"email":"bert@shop.example","password":%q}`, password)
	}
	refused := refusing(t, server)
	ask(t, http.MethodPost, server+"/v1/auth/signup", body(first), http.StatusCreated)
	login := enter(t, server, "login", body(first))

	ask(t, http.MethodPost, server+"/v1/auth/verify", `{"email":"bert@shop.example"}`, http.StatusAccepted)
	ask(t, http.MethodPost, server+"/v1/auth/verify", `{"email":"nobody@shop.example"}`, http.StatusAccepted)
	code := box.code(t)
	verify := func(password string) string { return fmt.Sprintf(`{"code":%q,"password":%q}`, code, password) }
	refused("verify", verify(other), "bad-code", http.StatusUnauthorized)
	refused("password", fmt.Sprintf(`{"code":%q,"new_password":"whoever has the mail"}`, code), "bad-code", http.StatusUnauthorized)
	ask(t, http.MethodPost, server+"/v1/auth/verify", verify(first), http.StatusNoContent)
	refused("verify", verify(first), "bad-code", http.StatusUnauthorized)
	login = enter(t, server, "refresh", fmt.Sprintf(`{"refresh_token":%q}`, login.Refresh))
	if text, _ := ask(t, http.MethodGet, server+"/v1/auth/me", "", http.StatusOK, bearer(login)...); !strings.Contains(text, `"email_verified":true`) {
		t.Errorf("behind the code me is %s", text)
	}

	time.Sleep(1100 * time.Millisecond) // Firebase revokes what began a second before
	ask(t, http.MethodPost, server+"/v1/auth/password", `{"email":"bert@shop.example"}`, http.StatusAccepted)
	ask(t, http.MethodPost, server+"/v1/auth/password", `{"email":"nobody@shop.example"}`, http.StatusAccepted)
	reset := fmt.Sprintf(`{"code":%q,"new_password":%q}`, box.code(t), third)
	ask(t, http.MethodPost, server+"/v1/auth/password", reset, http.StatusNoContent)
	refused("password", reset, "bad-code", http.StatusUnauthorized)
	refused("refresh", fmt.Sprintf(`{"refresh_token":%q}`, login.Refresh), "bad-refresh-token", http.StatusUnauthorized)
	refused("login", body(first), "wrong-password", http.StatusUnauthorized)
	enter(t, server, "login", body(third))
	if more := len(box.codes); more > 0 {
		t.Errorf("%d mails more were sent", more)
	}
}

// strangersServer is one of the project that was not told of an emulator.
func strangersServer(t *testing.T) string {
	t.Helper()
	return serve(t, t.TempDir(), write(t, t.TempDir(), "portolan.yaml", `service: {listen: "127.0.0.1:${PORT}", admin: off}
repository: {driver: memory}
auth: [{driver: firebase, firebase: {project: `+emulated+`}}]
collections: {things: {fields: {n: {type: int}}, access: {authenticated: {all: true}}}}
`))
}

// TestOneClientLocal runs the client with accounts of our own.
func TestOneClientLocal(t *testing.T) {
	box := newMailbox(t)
	server := accountsServer(t, "auth: [{driver: local}]\naccounts: {signup: open}", box)
	client(t, server)
	forgetful(t, server, box)
}

// TestFirebaseEmulator runs the same client with accounts at Firebase. Who is disabled
// there is not let in any more; and a server that was not told of the emulator never
// takes its tokens.
func TestFirebaseEmulator(t *testing.T) {
	address := emulator(t)
	box := newMailbox(t)
	server := accountsServer(t, atFirebase(address), box)
	client(t, server)
	forgetful(t, server, box)

	const otto = `{"email":"otto@shop.example","password":"correct horse battery"}`
	ask(t, http.MethodPost, server+"/v1/auth/signup", otto, http.StatusCreated)
	login := enter(t, server, "login", otto)
	token := []string{"Authorization", "Bearer " + login.Access}
	ask(t, http.MethodPost, server+"/v1/things", `{"id":"two"}`, http.StatusCreated, token...)
	ask(t, http.MethodGet, strangersServer(t)+"/v1/things", "", http.StatusUnauthorized, token...)

	text, _ := ask(t, http.MethodGet, server+"/v1/auth/me", "", http.StatusOK, token...)
	var me struct{ ID string }
	if err := json.Unmarshal([]byte(text), &me); err != nil {
		t.Fatal(err)
	}
	ask(t, http.MethodPost, "http://"+address+"/identitytoolkit.googleapis.com/v1/projects/"+emulated+"/accounts:update",
		fmt.Sprintf(`{"localId":%q,"disableUser":true}`, me.ID), http.StatusOK, "Authorization", "Bearer owner")
	for { // until the test's own deadline: it is believed for a second that he may come
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server+"/v1/things/two", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set(token[0], token[1])
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode == http.StatusUnauthorized {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	refusedLogin, _ := ask(t, http.MethodPost, server+"/v1/auth/login", otto, http.StatusUnauthorized)
	if !strings.Contains(refusedLogin, "wrong-password") { // Firebase does not say whether it was right
		t.Errorf("login answers %s, want the code wrong-password", refusedLogin)
	}
	ask(t, http.MethodPost, server+"/v1/auth/refresh", fmt.Sprintf(`{"refresh_token":%q}`, login.Refresh), http.StatusForbidden)
}
