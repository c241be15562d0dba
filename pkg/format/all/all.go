// Package all lists the formats. A new format is a folder beside this one and
// a line here.
package all

import (
	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/pkg/format/cloudtrail"
	"github.com/logferry/logferry/pkg/format/guardduty"
	"github.com/logferry/logferry/pkg/format/vpcflow"
)

// Formats returns every format, in the order in which they are asked whether
// an object is theirs.
func Formats() format.Set {
	return format.Set{
		cloudtrail.Format(),
		guardduty.Format(),
		vpcflow.Format(),
	}
}
