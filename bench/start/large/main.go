// Large is a module of about four megabytes, of which a run touches little: what opening costs.
package main

import (
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"os"
	"math/big"
	"regexp"
	"text/tabwriter"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Println("large")
		return
	}
	words := regexp.MustCompile(os.Args[1]).FindAllString(os.Args[len(os.Args)-1], -1)
	writer := tabwriter.NewWriter(os.Stdout, 0, 8, 1, ' ', 0)
	for at, word := range words {
		fmt.Fprintf(writer, "%s\t%s\n", word, big.NewInt(0).Exp(big.NewInt(3), big.NewInt(int64(at)), nil))
	}
	writer.Flush()
	packer := gzip.NewWriter(os.Stderr)
	fmt.Fprintf(packer, "%x", sha256.Sum256([]byte(os.Args[1])))
	packer.Close()
}
