package bootstrap

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portolan-io/portolan/configs"
	"github.com/portolan-io/portolan/core/fault"
)

// A profile is a configuration to begin with, the one of its name in configs.
type profile struct {
	about   string
	secrets map[string]func() (string, error) // what it needs of them, by the name of their file
	first   string                            // what has to be run before the first start, if anything
}

// ownSecrets are what every server has that is kept.
var ownSecrets = map[string]func() (string, error){
	"key-pepper":  randomSecret,
	"cursor-key":  randomSecret,
	"signing-key": signingKey,
}

// sharedSecrets are those that are brought to where the cloud keeps secrets.
var sharedSecrets = map[string]func() (string, error){
	"key-pepper": randomSecret,
	"cursor-key": randomSecret,
}

var profiles = map[string]profile{
	"local":  {about: "everything in memory, with the sample"},
	"sqlite": {about: "records in the file portolan.db, secrets in the directory secrets", secrets: ownSecrets},
	"gcp": {
		about:   "Google Cloud: Datastore, whose indexes are in index.yaml, Secret Manager, Firebase, Cloud Trace",
		secrets: sharedSecrets,
		first: "gcloud datastore indexes create index.yaml\n" +
			"  for s in key-pepper cursor-key; do gcloud secrets create $s --data-file=secrets/$s; done",
	},
	"azure": {
		about:   "Azure: Azure SQL, Managed Redis, Key Vault, Entra ID, Application Insights",
		secrets: sharedSecrets,
		first:   "for s in key-pepper cursor-key; do az keyvault secret set --vault-name shop --name $s --file secrets/$s; done",
	},
	"onprem": {
		about:   "anywhere: PostgreSQL, Redis, HashiCorp Vault, an OIDC provider, OpenTelemetry",
		secrets: sharedSecrets,
		first:   "vault kv put secret/portolan key-pepper=@secrets/key-pepper cursor-key=@secrets/cursor-key db-password=-",
	},
}

func profileNames() []string {
	var names []string
	for name := range profiles {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (p *program) initCommand() *cobra.Command {
	var name, dir string
	command := &cobra.Command{
		Use:   "init --profile P",
		Short: "Write a configuration to begin with",
		Long: `Write portolan.yaml, its JSON Schema for editors, and what else the profile
needs. It starts as it is, where what it names can be reached: nothing is asked for
it here. If one of the files is there already, none is written.

If the repository has to be given its indexes, they are in index.yaml, as portolan
validate --indexes index.yaml writes them again when the collections have changed.

The profiles are:` + describeProfiles(),
		Example: "  portolan init --profile sqlite --dir shop\n  cd shop && portolan\n  portolan init --profile gcp --dir cloud",
		Args:    exactly(),
		RunE:    func(*cobra.Command, []string) error { return p.initialise(name, dir) },
	}
	command.Flags().StringVar(&name, "profile", "local", enumerate(profileNames(), "or"))
	command.Flags().StringVar(&dir, "dir", ".", "the directory")
	return command
}

func describeProfiles() string {
	var text strings.Builder
	for _, name := range profileNames() {
		fmt.Fprintf(&text, "\n  %-8s %s", name, profiles[name].about)
	}
	return text.String()
}

// A newFile is a file that init writes.
type newFile struct {
	path string
	text []byte
	mode fs.FileMode
}

func (p *program) initialise(name, dir string) error {
	chosen, ok := profiles[name]
	if !ok {
		return fault.New(fault.Invalid, "bootstrap.init", "there is no profile called %s%s", name, unknown(name, "the profiles", profileNames()))
	}
	files, err := chosen.files(name, dir, p.drivers)
	if err != nil {
		return err
	}
	for _, file := range files {
		if _, err := os.Lstat(file.path); err == nil {
			return fault.New(fault.Exists, "bootstrap.init", "%s is there already", file.path).Hinting("choose another directory with --dir")
		}
	}
	for _, file := range files {
		if err := file.write(); err != nil {
			return fault.New(fault.Unavailable, "bootstrap.init", "%s cannot be written", file.path).Because(err)
		}
		fmt.Fprintf(p.out, "wrote %s\n", file.path)
	}
	fmt.Fprintln(p.out)
	within := ""
	if dir != "." {
		within = "cd " + dir + " && "
	}
	if chosen.first != "" {
		fmt.Fprintf(p.out, "Before the first start: %s%s\n", within, chosen.first)
	}
	fmt.Fprintf(p.out, "Start it with: %sportolan\n", within)
	return nil
}

// files returns what the profile consists of.
func (c profile) files(name, dir string, drivers []Driver) ([]newFile, error) {
	var files []newFile
	for from, to := range map[string]string{name + ".yaml": defaultConfig, schemaFile: schemaFile} {
		text, err := configs.Files.ReadFile(from)
		if err != nil {
			return nil, err
		}
		files = append(files, newFile{filepath.Join(dir, to), text, 0o644})
	}
	indexes, has, err := shippedIndexes(name+".yaml", drivers)
	if err != nil {
		return nil, err
	}
	if has {
		files = append(files, newFile{filepath.Join(dir, indexFile), indexes, 0o644})
	}
	for secret, generate := range c.secrets {
		text, err := generate()
		if err != nil {
			return nil, err
		}
		files = append(files, newFile{filepath.Join(dir, "secrets", secret), []byte(text + "\n"), 0o600})
	}
	slices.SortFunc(files, func(a, b newFile) int { return strings.Compare(a.path, b.path) })
	return files, nil
}

// write makes the file, which must not be there yet.
func (f newFile) write() error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.mode)
	if err != nil {
		return err
	}
	_, err = file.Write(f.text)
	return errors.Join(err, file.Close())
}

// randomSecret returns 260 random bits as text.
func randomSecret() (string, error) { return rand.Text() + rand.Text(), nil }

// signingKey returns a new Ed25519 key, PKCS #8 in PEM.
func signingKey() (string, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	octets, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", err
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: octets})
	return strings.TrimSuffix(string(block), "\n"), nil
}
