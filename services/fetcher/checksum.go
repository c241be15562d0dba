package fetcher

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"net/http"
	"strings"
)

// nvmePolynomial is that of CRC-64/NVME, which S3 uses where an uploader chose
// no checksum.
const nvmePolynomial = 0x9a6c9329ac4bc9b5

// checked returns the answer's body, which ends with an error unless it has the
// checksum that the answer tells, if any.
func (c *client) checked(answer *http.Response) io.ReadCloser {
	for _, algorithm := range []struct {
		header string
		make   func() hash.Hash
	}{
		{"X-Amz-Checksum-Crc64nvme", func() hash.Hash { return crc64.New(c.nvme) }},
		{"X-Amz-Checksum-Crc32c", func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) }},
		{"X-Amz-Checksum-Crc32", func() hash.Hash { return crc32.NewIEEE() }},
		{"X-Amz-Checksum-Sha1", sha1.New},
		{"X-Amz-Checksum-Sha256", sha256.New},
	} {
		// One with a hyphen is a checksum of checksums, of the parts of an upload.
		if want := answer.Header.Get(algorithm.header); want != "" && !strings.Contains(want, "-") {
			return &checkedBody{answer.Body, algorithm.make(), want}
		}
	}
	return answer.Body
}

// checkedBody compares what it reads with a checksum.
type checkedBody struct {
	io.ReadCloser
	sum  hash.Hash
	want string // in base64
}

// Read implements [io.Reader].
func (b *checkedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.sum.Write(p[:n])
	if err == io.EOF {
		if got := base64.StdEncoding.EncodeToString(b.sum.Sum(nil)); got != b.want {
			err = fmt.Errorf("the checksum is %s; S3 told %s", got, b.want)
		}
	}
	return n, err
}
