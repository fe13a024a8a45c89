// Flock runs a small data pipeline: goroutines draw sightings from a seeded generator, others
// group them, and the report goes out through JSON, gzip and tab-aligned text. Its output
// depends on nothing but the code.
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

type sighting struct {
	Place string `json:"place"`
	Birds int    `json:"birds"`
	Day   int    `json:"day"`
}

type summary struct {
	Place string  `json:"place"`
	Count int     `json:"count"`
	Birds int     `json:"birds"`
	Mean  float64 `json:"mean"`
}

var errEmpty = errors.New("no sightings")

// random is xorshift64: every worker has its own, so that the schedule does not matter.
type random uint64

func (r *random) next(bound int) int {
	x := uint64(*r)
	x ^= x << 13
	x ^= x >> 7
	x ^= x << 17
	*r = random(x)
	return int(x % uint64(bound))
}

func produce(worker int, out chan<- sighting) {
	source := random(0x9e3779b97f4a7c15 * uint64(worker+1))
	places := []string{"Severn", "Wadden Sea", "Ré", "Banc d'Arguin", "Dee"}
	for range 2500 {
		out <- sighting{places[source.next(len(places))], 1 + source.next(400), source.next(365)}
	}
}

func collect(workers int) map[string][]sighting {
	out := make(chan sighting, 16)
	var group sync.WaitGroup
	for worker := range workers {
		group.Add(1)
		go func() {
			defer group.Done()
			produce(worker, out)
		}()
	}
	go func() {
		group.Wait()
		close(out)
	}()
	found := map[string][]sighting{}
	for one := range out {
		found[one.Place] = append(found[one.Place], one)
	}
	return found
}

func summarize(found map[string][]sighting) ([]summary, error) {
	if len(found) == 0 {
		return nil, fmt.Errorf("summarize: %w", errEmpty)
	}
	var all []summary
	for _, place := range slices.Sorted(maps.Keys(found)) {
		total := 0
		for _, one := range found[place] {
			total += one.Birds
		}
		count := len(found[place])
		all = append(all, summary{place, count, total, float64(total) / float64(count)})
	}
	return all, nil
}

func table(all []summary) {
	writer := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(writer, "place\tcount\tbirds\tmean\t")
	for _, one := range all {
		fmt.Fprintf(writer, "%s\t%d\t%d\t%.3f\t\n", one.Place, one.Count, one.Birds, one.Mean)
	}
	writer.Flush()
}

func files(folder string, all []summary) error {
	path := filepath.Join(folder, "report.json.gz")
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	packer := gzip.NewWriter(file)
	if err := errors.Join(json.NewEncoder(packer).Encode(all), packer.Close(), file.Close()); err != nil {
		return err
	}
	packed, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	text, err := io.ReadAll(reader)
	fmt.Printf("json %x %d bytes\n", sha256.Sum256(text), len(text))
	entries, _ := os.ReadDir(folder)
	for _, entry := range entries {
		fmt.Println("file", entry.Name(), entry.IsDir())
	}
	return err
}

func recovered() (message string) {
	defer func() { message = fmt.Sprint(recover()) }()
	var list []int
	return fmt.Sprint(list[len(os.Args)+3])
}

func main() {
	all, err := summarize(collect(8))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	table(all)
	for _, one := range all {
		fmt.Printf("%s=%06x ", strings.ToUpper(one.Place), one.Birds)
	}
	fmt.Println()
	if len(os.Args) > 1 {
		if err := files(os.Args[1], all); err != nil {
			fmt.Println("files:", err)
		}
	}
	dates := regexp.MustCompile(`(\d{4})-(\d\d)-(\d\d)`)
	fmt.Println(dates.ReplaceAllString("from 2026-11-22 to 2027-01-02", "$3.$2.$1"))
	fmt.Println(new(big.Int).Exp(big.NewInt(3), big.NewInt(400), nil).String()[:40])
	_, err = summarize(nil)
	fmt.Println(err, errors.Is(err, errEmpty), recovered())
	select {
	case <-time.After(5 * time.Millisecond):
		fmt.Println("timer")
	}
}
