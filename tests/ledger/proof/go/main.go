// Answers questions about notes and tree proofs with the Go project's own packages, as an independent opinion.
//
// It reads one JSON request a line on stdin and writes one JSON answer a line on stdout. Three shims stand between
// those packages and the C2SP formats: the tile height is stripped from paths, checkpoints are parsed here, and there
// is a verifier for cosignatures (signature type 4).
package main

import (
	"bufio"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight = 8
	algEd25519 = 1
	algCosigV1 = 4
)

type request struct {
	Op         string     `json:"op"`
	Entries    [][]byte   `json:"entries"`
	Pairs      [][2]int64 `json:"pairs"`
	Tiles      [][3]int64 `json:"tiles"`
	Paths      []string   `json:"paths"`
	Proof      [][]byte   `json:"proof"`
	Size       int64      `json:"size"`
	OldSize    int64      `json:"old_size"`
	Index      int64      `json:"index"`
	Leaf       []byte     `json:"leaf"`
	Root       []byte     `json:"root"`
	OldRoot    []byte     `json:"old_root"`
	Message    []byte     `json:"message"`
	Text       string     `json:"text"`
	VerifyKeys []string   `json:"vkeys"`
	SignerKeys []string   `json:"skeys"`
}

type answer struct {
	OK         bool       `json:"ok"`
	Error      string     `json:"error,omitempty"`
	Hashes     [][]byte   `json:"hashes,omitempty"`
	Proofs     [][][]byte `json:"proofs,omitempty"`
	Paths      []string   `json:"paths,omitempty"`
	Tiles      [][3]int64 `json:"tiles,omitempty"`
	Data       [][]byte   `json:"data,omitempty"`
	Message    []byte     `json:"message,omitempty"`
	Text       string     `json:"text,omitempty"`
	Verified   []string   `json:"verified,omitempty"`
	Unverified []string   `json:"unverified,omitempty"`
	Size       int64      `json:"size,omitempty"`
	Root       []byte     `json:"root,omitempty"`
}

// stored is the log that the "log" request sets up.
var stored []tlog.Hash

func readHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x < 0 || x >= int64(len(stored)) {
			return nil, fmt.Errorf("no stored hash %d", x)
		}
		hashes[i] = stored[x]
	}
	return hashes, nil
}

var reader = tlog.HashReaderFunc(readHashes)

func toHash(b []byte) (h tlog.Hash, err error) {
	if len(b) != tlog.HashSize {
		return h, errors.New("hash of another length")
	}
	copy(h[:], b)
	return h, nil
}

func toHashes(list [][]byte) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(list))
	for i, b := range list {
		h, err := toHash(b)
		if err != nil {
			return nil, err
		}
		hashes[i] = h
	}
	return hashes, nil
}

func toBytes(hashes []tlog.Hash) [][]byte {
	list := make([][]byte, len(hashes))
	for i := range hashes {
		list[i] = append([]byte{}, hashes[i][:]...)
	}
	return list
}

// cosigner verifies cosignature/v1 lines; the rest of note.Verifier it has from the key's name and id.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.hash }
func (c *cosigner) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	t := binary.BigEndian.Uint64(sig)
	signed := append([]byte(fmt.Sprintf("cosignature/v1\ntime %d\n", t)), msg...)
	return t < 1<<63 && ed25519.Verify(c.key, signed, sig[8:])
}

func newVerifier(vkey string) (note.Verifier, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, errors.New("malformed key")
	}
	material, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(material) == 0 || material[0] != algCosigV1 {
		return note.NewVerifier(vkey)
	}
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), material...))
	hash, err := strconv.ParseUint(parts[1], 16, 32)
	if err != nil || len(material) != 1+ed25519.PublicKeySize || uint32(hash) != binary.BigEndian.Uint32(sum[:]) {
		return nil, errors.New("malformed cosigner key")
	}
	return &cosigner{parts[0], uint32(hash), ed25519.PublicKey(material[1:])}, nil
}

func openNote(r request) (a answer, err error) {
	var verifiers []note.Verifier
	for _, vkey := range r.VerifyKeys {
		v, err := newVerifier(vkey)
		if err != nil {
			return a, err
		}
		verifiers = append(verifiers, v)
	}
	n, err := note.Open(r.Message, note.VerifierList(verifiers...))
	if err != nil {
		return a, err
	}
	for _, s := range n.Sigs {
		a.Verified = append(a.Verified, fmt.Sprintf("%s+%08x %s", s.Name, s.Hash, s.Base64))
	}
	for _, s := range n.UnverifiedSigs {
		a.Unverified = append(a.Unverified, fmt.Sprintf("%s+%08x %s", s.Name, s.Hash, s.Base64))
	}
	a.Text = n.Text
	lines := strings.Split(n.Text, "\n")
	if len(lines) >= 4 {
		if size, err := strconv.ParseInt(lines[1], 10, 64); err == nil {
			a.Size = size
			a.Root, _ = base64.StdEncoding.DecodeString(lines[2])
		}
	}
	return a, nil
}

func signNote(r request) (a answer, err error) {
	var signers []note.Signer
	for _, skey := range r.SignerKeys {
		s, err := note.NewSigner(skey)
		if err != nil {
			return a, err
		}
		signers = append(signers, s)
	}
	a.Message, err = note.Sign(&note.Note{Text: r.Text}, signers...)
	return a, err
}

func buildLog(r request) (a answer, err error) {
	stored = nil
	for i, entry := range r.Entries {
		hashes, err := tlog.StoredHashes(int64(i), entry, reader)
		if err != nil {
			return a, err
		}
		stored = append(stored, hashes...)
	}
	a.Hashes = toBytes(stored)
	return a, nil
}

func prove(r request) (a answer, err error) {
	for _, pair := range r.Pairs {
		var hashes []tlog.Hash
		switch r.Op {
		case "roots":
			var h tlog.Hash
			h, err = tlog.TreeHash(pair[0], reader)
			hashes = []tlog.Hash{h}
		case "inclusion":
			hashes, err = tlog.ProveRecord(pair[0], pair[1], reader)
		default:
			hashes, err = tlog.ProveTree(pair[0], pair[1], reader)
		}
		if err != nil {
			return a, err
		}
		a.Proofs = append(a.Proofs, toBytes(hashes))
	}
	return a, nil
}

func check(r request) (a answer, err error) {
	proof, err := toHashes(r.Proof)
	if err != nil {
		return a, err
	}
	root, err := toHash(r.Root)
	if err != nil {
		return a, err
	}
	if r.Op == "check-inclusion" {
		leaf, err := toHash(r.Leaf)
		if err != nil {
			return a, err
		}
		return a, tlog.CheckRecord(proof, r.Size, root, r.Index, leaf)
	}
	old, err := toHash(r.OldRoot)
	if err != nil {
		return a, err
	}
	return a, tlog.CheckTree(proof, r.Size, root, r.OldSize, old)
}

// path is the C2SP path of a tile: Go's, without the height, and with "entries" for what Go calls data.
func path(t tlog.Tile) string {
	p := strings.Replace(t.Path(), fmt.Sprintf("tile/%d/", tileHeight), "tile/", 1)
	return strings.Replace(p, "tile/data/", "tile/entries/", 1)
}

func tiles(r request) (a answer, err error) {
	for _, t := range r.Tiles {
		tile := tlog.Tile{H: tileHeight, L: int(t[0]), N: t[1], W: int(t[2])}
		a.Paths = append(a.Paths, path(tile))
		if r.Op == "tile-data" {
			data, err := tlog.ReadTileData(tile, reader)
			if err != nil {
				return a, err
			}
			a.Data = append(a.Data, data)
		}
	}
	return a, nil
}

func parsePaths(r request) (a answer, err error) {
	for _, p := range r.Paths {
		p = strings.Replace(p, "tile/entries/", "tile/data/", 1)
		t, err := tlog.ParseTilePath(strings.Replace(p, "tile/", fmt.Sprintf("tile/%d/", tileHeight), 1))
		if err != nil {
			a.Tiles = append(a.Tiles, [3]int64{-2, 0, 0})
			continue
		}
		a.Tiles = append(a.Tiles, [3]int64{int64(t.L), t.N, int64(t.W)})
	}
	return a, nil
}

func handle(r request) (answer, error) {
	switch r.Op {
	case "log":
		return buildLog(r)
	case "roots", "inclusion", "consistency":
		return prove(r)
	case "check-inclusion", "check-consistency":
		return check(r)
	case "tile-paths", "tile-data":
		return tiles(r)
	case "parse-paths":
		return parsePaths(r)
	case "open":
		return openNote(r)
	case "sign":
		return signNote(r)
	}
	return answer{}, fmt.Errorf("unknown op %q", r.Op)
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	decoder := json.NewDecoder(in)
	for decoder.More() {
		var r request
		if err := decoder.Decode(&r); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		a, err := handle(r)
		a.OK = err == nil
		if err != nil {
			a.Error = err.Error()
		}
		if err := out.Encode(a); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
}
