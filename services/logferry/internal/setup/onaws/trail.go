package onaws

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	trailtypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/logferry/logferry/services/logferry/internal/setup"
)

// trail is the trail and where it writes to.
func (e engine) trail(t Trail) *piece {
	return &piece{
		name: "trail " + t.Name, arn: t.ARN,
		want:   func(ctx context.Context) (work, error) { return e.wantTrail(ctx, t) },
		unwant: func(ctx context.Context) (work, error) { return e.unwantTrail(ctx, t) },
	}
}

// findTrail returns the trail; nil when there is none.
func (e engine) findTrail(ctx context.Context, t Trail) (*trailtypes.Trail, error) {
	out, err := e.clients.trails().GetTrail(ctx, &cloudtrail.GetTrailInput{Name: e.trailID(t)})
	if isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return out.Trail, nil
}

// trailID is how calls name the trail: by its name, or by its ARN when it is of
// the organisation's management account and these credentials are not.
// Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-delegated-administrator.html
func (e engine) trailID(t Trail) *string {
	if strings.Contains(t.ARN, ":"+e.Account+":") {
		return &t.Name
	}
	return &t.ARN
}

func (e engine) trailOwned(ctx context.Context, arn *string) (bool, error) {
	out, err := e.clients.trails().ListTags(ctx, &cloudtrail.ListTagsInput{ResourceIdList: []string{aws.ToString(arn)}})
	if err != nil {
		return false, err
	}
	for _, r := range out.ResourceTagList {
		for _, t := range r.TagsList {
			if aws.ToString(t.Key) == Tag {
				return aws.ToString(t.Value) == e.Setup, nil
			}
		}
	}
	return false, nil
}

func (e engine) wantTrail(ctx context.Context, t Trail) (work, error) {
	have, err := e.findTrail(ctx, t)
	switch {
	case err != nil:
		return work{}, err
	case have == nil && t.Existing:
		return refuse("there is no such trail; drop --existing-trail to make it"), nil
	case have == nil:
		return e.newTrail(t), nil
	}
	owned, err := e.trailOwned(ctx, have.TrailARN)
	if err != nil {
		return work{}, err
	}
	if !owned && !t.Existing {
		return refuse("others made a trail of that name; --existing-trail uses it, --trail makes another"), nil
	}
	w, moved, err := e.trailDiffers(ctx, t, have)
	switch {
	case err != nil:
		return work{}, err
	case len(w.lines) == 0:
		return keep(), nil
	case moved && !owned && !e.options.Adopt:
		w.action, w.calls = setup.Refuse, nil
		w.why = fmt.Sprintf("others made it, and those who read its logs in %s would no longer find them; use that bucket with --bucket %[1]s --existing-bucket, or --adopt to move it",
			aws.ToString(have.S3BucketName))
	}
	return w, nil
}

// trailDiffers is the update of a trail that is there, and whether its logs
// would go to another place. What it covers is only ever widened.
func (e engine) trailDiffers(ctx context.Context, t Trail, have *trailtypes.Trail) (w work, moved bool, err error) {
	in := &cloudtrail.UpdateTrailInput{Name: e.trailID(t)}
	w.action = setup.Update
	if w.differs("bucket", aws.ToString(have.S3BucketName), e.Bucket.Name) {
		in.S3BucketName, moved = &e.Bucket.Name, true
	}
	if w.differs("prefix", aws.ToString(have.S3KeyPrefix), t.KeyPrefix) {
		in.S3KeyPrefix, moved = &t.KeyPrefix, true
	}
	if t.MultiRegion && !aws.ToBool(have.IsMultiRegionTrail) {
		w.line("~ regions: %s -> all", aws.ToString(have.HomeRegion))
		in.IsMultiRegionTrail = aws.Bool(true)
	}
	if t.Organization && !aws.ToBool(have.IsOrganizationTrail) {
		w.line("~ accounts: %s -> all of the organisation", e.Account)
		in.IsOrganizationTrail = aws.Bool(true)
	}
	if e.Key != nil {
		key, err := e.keyARN(ctx)
		if err != nil {
			return work{}, false, err
		}
		if key == "" || !strings.HasSuffix(aws.ToString(have.KmsKeyId), key) {
			w.differs("key", aws.ToString(have.KmsKeyId), e.Key.id())
			in.KmsKeyId = aws.String(e.Key.id())
		}
	}
	w.then(func(ctx context.Context) error {
		_, err := e.clients.trails().UpdateTrail(ctx, in)
		return err
	})
	return w, moved, nil
}

func (e engine) newTrail(t Trail) work {
	w := work{action: setup.Create}
	w.line("+ management events of %s in %s, to %s", scope(t.Organization, "the organisation", "the account"),
		scope(t.MultiRegion, "all regions", e.Region), e.Bucket.Name)
	in := &cloudtrail.CreateTrailInput{
		Name: &t.Name, S3BucketName: &e.Bucket.Name, IsMultiRegionTrail: &t.MultiRegion, IncludeGlobalServiceEvents: aws.Bool(true),
		EnableLogFileValidation: aws.Bool(true),
		TagsList:                tagList(e.Setup, func(key, value *string) trailtypes.Tag { return trailtypes.Tag{Key: key, Value: value} }),
	}
	if t.KeyPrefix != "" {
		in.S3KeyPrefix = &t.KeyPrefix
	}
	if t.Organization {
		in.IsOrganizationTrail = aws.Bool(true)
	}
	if e.Key != nil {
		in.KmsKeyId = aws.String(e.Key.id())
	}
	w.then(func(ctx context.Context) error {
		_, err := e.clients.trails().CreateTrail(ctx, in)
		return err
	})
	return w
}

func scope(wide bool, all, one string) string {
	if wide {
		return all
	}
	return one
}

func (e engine) unwantTrail(ctx context.Context, t Trail) (work, error) {
	have, err := e.findTrail(ctx, t)
	if err != nil || have == nil {
		return gone(), err
	}
	owned, err := e.trailOwned(ctx, have.TrailARN)
	if err != nil {
		return work{}, err
	}
	if !owned {
		return leave("others made it; where it writes to and what it covers stays"), nil
	}
	return remove(func(ctx context.Context) error {
		_, err := e.clients.trails().DeleteTrail(ctx, &cloudtrail.DeleteTrailInput{Name: e.trailID(t)})
		return err
	}), nil
}

// logging has the trail write.
func (e engine) logging(t Trail) *piece {
	p := &piece{name: "logging of trail " + t.Name, arn: t.ARN}
	p.want = func(ctx context.Context) (work, error) {
		out, err := e.clients.trails().GetTrailStatus(ctx, &cloudtrail.GetTrailStatusInput{Name: e.trailID(t)})
		if err != nil && !isMissing(err) {
			return work{}, err
		}
		if err == nil && aws.ToBool(out.IsLogging) {
			return keep(), nil
		}
		w := work{action: setup.Update}
		w.differs("logging", "off", "on")
		w.then(func(ctx context.Context) error {
			_, err := e.clients.trails().StartLogging(ctx, &cloudtrail.StartLoggingInput{Name: e.trailID(t)})
			return err
		})
		return w, nil
	}
	p.unwant = func(ctx context.Context) (work, error) {
		have, err := e.findTrail(ctx, t)
		if err != nil || have == nil {
			return gone(), err
		}
		owned, err := e.trailOwned(ctx, have.TrailARN)
		if err != nil {
			return work{}, err
		}
		if !owned {
			return leave("others may read what the trail writes"), nil
		}
		return remove(func(ctx context.Context) error {
			_, err := e.clients.trails().StopLogging(ctx, &cloudtrail.StopLoggingInput{Name: e.trailID(t)})
			return err
		}), nil
	}
	return p
}

// s3Object is the resource type of S3 data events.
const s3Object = "AWS::S3::Object"

// dataEvents adds the data events of S3 objects to what the trail selects. A
// trail has selectors of the basic kind or of the advanced one; the set-up adds
// one of its own of the kind that is there, and the others stay.
func (e engine) dataEvents(t Trail) *piece {
	p := &piece{name: "data events of trail " + t.Name, arn: t.ARN}
	p.want = func(ctx context.Context) (work, error) {
		have, err := e.selectors(ctx, t)
		if err != nil {
			return work{}, err
		}
		rest := have.without(e.Setup, t.DataEvents)
		if have.len() > rest.len() && have.has(e.Setup, t.DataEvents) {
			return keep(), nil
		}
		w := work{action: setup.Create}
		w.line("+ reads and writes of objects in %s", strings.Join(t.DataEvents, ", "))
		w.then(func(ctx context.Context) error { return e.putSelectors(ctx, t, rest.with(e.Setup, t.DataEvents)) })
		return w, nil
	}
	p.unwant = func(ctx context.Context) (work, error) {
		have, err := e.selectors(ctx, t)
		if err != nil {
			return work{}, err
		}
		rest := have.without(e.Setup, t.DataEvents)
		if have.len() == rest.len() {
			return gone(), nil
		}
		w := remove(func(ctx context.Context) error { return e.putSelectors(ctx, t, rest) })
		w.line("- reads and writes of objects in %s", strings.Join(t.DataEvents, ", "))
		return w, nil
	}
	return p
}

// selectors are what a trail selects.
type selectors struct {
	basic    []trailtypes.EventSelector
	advanced []trailtypes.AdvancedEventSelector
}

func (s selectors) len() int { return len(s.basic) + len(s.advanced) }

// management is what a new trail selects.
func management() selectors {
	return selectors{basic: []trailtypes.EventSelector{{ReadWriteType: trailtypes.ReadWriteTypeAll, IncludeManagementEvents: aws.Bool(true)}}}
}

func (e engine) selectors(ctx context.Context, t Trail) (selectors, error) {
	out, err := e.clients.trails().GetEventSelectors(ctx, &cloudtrail.GetEventSelectorsInput{TrailName: e.trailID(t)})
	if isMissing(err) {
		return management(), nil
	}
	if err != nil {
		return selectors{}, err
	}
	have := selectors{basic: out.EventSelectors, advanced: out.AdvancedEventSelectors}
	if have.len() == 0 {
		return management(), nil
	}
	return have, nil
}

func (e engine) putSelectors(ctx context.Context, t Trail, s selectors) error {
	in := &cloudtrail.PutEventSelectorsInput{TrailName: e.trailID(t), EventSelectors: s.basic, AdvancedEventSelectors: s.advanced}
	_, err := e.clients.trails().PutEventSelectors(ctx, in)
	return err
}

// with returns the selectors and the set-up's own.
func (s selectors) with(name string, arns []string) selectors {
	if len(s.advanced) > 0 {
		s.advanced = append(s.advanced, advanced(name, arns))
		return s
	}
	s.basic = append(s.basic, basic(arns))
	return s
}

// without returns the selectors but the set-up's own: the advanced one of its
// name, or the basic one that it would write.
func (s selectors) without(name string, arns []string) selectors {
	return selectors{
		basic: slices.DeleteFunc(slices.Clone(s.basic), func(have trailtypes.EventSelector) bool {
			return sameBasic(have, basic(arns))
		}),
		advanced: slices.DeleteFunc(slices.Clone(s.advanced), func(have trailtypes.AdvancedEventSelector) bool {
			return aws.ToString(have.Name) == name
		}),
	}
}

// has reports whether the set-up's own selector is as it would write it.
func (s selectors) has(name string, arns []string) bool {
	return slices.ContainsFunc(s.basic, func(have trailtypes.EventSelector) bool { return sameBasic(have, basic(arns)) }) ||
		slices.ContainsFunc(s.advanced, func(have trailtypes.AdvancedEventSelector) bool { return sameAdvanced(have, advanced(name, arns)) })
}

func basic(arns []string) trailtypes.EventSelector {
	return trailtypes.EventSelector{
		ReadWriteType: trailtypes.ReadWriteTypeAll, IncludeManagementEvents: aws.Bool(false),
		DataResources: []trailtypes.DataResource{{Type: aws.String(s3Object), Values: arns}},
	}
}

func sameBasic(a, b trailtypes.EventSelector) bool {
	return a.ReadWriteType == b.ReadWriteType && aws.ToBool(a.IncludeManagementEvents) == aws.ToBool(b.IncludeManagementEvents) &&
		slices.EqualFunc(a.DataResources, b.DataResources, func(x, y trailtypes.DataResource) bool {
			return aws.ToString(x.Type) == aws.ToString(y.Type) && slices.Equal(slices.Sorted(slices.Values(x.Values)), slices.Sorted(slices.Values(y.Values)))
		})
}

// advanced is the selector of the advanced kind. All objects are selected by no
// ARN at all.
func advanced(name string, arns []string) trailtypes.AdvancedEventSelector {
	fields := []trailtypes.AdvancedFieldSelector{
		{Field: aws.String("eventCategory"), Equals: []string{"Data"}},
		{Field: aws.String("resources.type"), Equals: []string{s3Object}},
	}
	if !slices.ContainsFunc(arns, func(arn string) bool { return !strings.Contains(arn, ":::") || strings.HasSuffix(arn, ":::") }) {
		fields = append(fields, trailtypes.AdvancedFieldSelector{Field: aws.String("resources.ARN"), StartsWith: arns})
	}
	return trailtypes.AdvancedEventSelector{Name: &name, FieldSelectors: fields}
}

func sameAdvanced(a, b trailtypes.AdvancedEventSelector) bool {
	return aws.ToString(a.Name) == aws.ToString(b.Name) &&
		slices.EqualFunc(a.FieldSelectors, b.FieldSelectors, func(x, y trailtypes.AdvancedFieldSelector) bool {
			return aws.ToString(x.Field) == aws.ToString(y.Field) && slices.Equal(x.Equals, y.Equals) && slices.Equal(x.StartsWith, y.StartsWith)
		})
}
