// Verifies a C2SP tlog-tiles log with golang.org/x/mod/sumdb/{note,tlog}: verifier LEDGER VKEY_FILE
// Every leaf hash is read through authenticated tiles, and every entry must hash to its leaf.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type folder string

func (f folder) Height() int { return 8 }

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		// x/mod writes tile/8/L/N; the standard fixes the height and writes tile/L/N.
		name := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(string(f), name))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

func fail(what string, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, what, err)
		os.Exit(1)
	}
}

func main() {
	ledger := os.Args[1]
	vkey, err := os.ReadFile(os.Args[2])
	fail("vkey", err)
	verifier, err := note.NewVerifier(strings.TrimSpace(string(vkey)))
	fail("vkey", err)
	data, err := os.ReadFile(filepath.Join(ledger, "checkpoint"))
	fail("checkpoint", err)
	opened, err := note.Open(data, note.VerifierList(verifier))
	fail("note", err)
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	fail("size", err)
	root, err := base64.StdEncoding.DecodeString(lines[2])
	fail("root", err)
	tree := tlog.Tree{N: size}
	copy(tree.Hash[:], root)
	reader := tlog.TileHashReader(tree, folder(ledger))

	for first := int64(0); first < size; first += 256 {
		width := int(size - first)
		if width > 256 {
			width = 256
		}
		tile := tlog.Tile{H: 8, L: -1, N: first / 256, W: width}
		name := strings.Replace(tile.Path(), "tile/8/data/", "tile/entries/", 1)
		bundle, err := os.ReadFile(filepath.Join(ledger, name))
		fail("bundle", err)
		var indexes []int64
		var leaves []tlog.Hash
		for len(bundle) > 0 {
			length := int(binary.BigEndian.Uint16(bundle))
			leaves = append(leaves, tlog.RecordHash(bundle[2:2+length]))
			indexes = append(indexes, tlog.StoredHashIndex(0, first+int64(len(indexes))))
			bundle = bundle[2+length:]
		}
		hashes, err := reader.ReadHashes(indexes)
		fail("tiles", err)
		if len(hashes) != width {
			fail("bundle", fmt.Errorf("%s has %d entries", name, len(hashes)))
		}
		for i, hash := range hashes {
			if hash != leaves[i] {
				fail("entry", fmt.Errorf("%d is not what its leaf stands for", first+int64(i)))
			}
		}
	}
	if size > 0 {
		proof, err := tlog.ProveRecord(size, size/2, reader)
		fail("proof", err)
		leaf, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, size/2)})
		fail("leaf", err)
		fail("inclusion", tlog.CheckRecord(proof, size, tree.Hash, size/2, leaf[0]))
	}
	fmt.Printf("{\"size\": %d, \"root\": %q}\n", size, lines[2])
}
