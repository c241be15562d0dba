package onaws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	guardtypes "github.com/aws/aws-sdk-go-v2/service/guardduty/types"

	"github.com/logferry/logferry/services/logferry/internal/setup"
)

// detector is GuardDuty in one region, where there is one detector at most.
func (e engine) detector(d Detector) *piece {
	return &piece{
		name: "GuardDuty detector in " + d.Region, arn: e.detectorARN(d),
		want:   func(ctx context.Context) (work, error) { return e.wantDetector(ctx, d) },
		unwant: func(ctx context.Context) (work, error) { return e.unwantDetector(ctx, d) },
	}
}

func (e engine) detectorARN(d Detector) string {
	return "arn:" + e.Partition + ":guardduty:" + d.Region + ":" + e.Account + ":detector/*"
}

// findDetector returns the region's detector; its id is empty when there is
// none.
func (e engine) findDetector(ctx context.Context, d Detector) (id string, have *guardduty.GetDetectorOutput, err error) {
	client := e.clients.guard(d.Region)
	list, err := client.ListDetectors(ctx, &guardduty.ListDetectorsInput{})
	if err != nil || len(list.DetectorIds) == 0 {
		return "", nil, err
	}
	id = list.DetectorIds[0]
	have, err = client.GetDetector(ctx, &guardduty.GetDetectorInput{DetectorId: &id})
	return id, have, err
}

func (e engine) wantDetector(ctx context.Context, d Detector) (work, error) {
	id, have, err := e.findDetector(ctx, d)
	if err != nil {
		return work{}, err
	}
	frequency := guardtypes.FindingPublishingFrequency(d.Frequency)
	if id == "" {
		w := work{action: setup.Create}
		w.line("+ on, which costs by what GuardDuty reads; findings every %s", d.Frequency)
		w.then(func(ctx context.Context) error {
			_, err := e.clients.guard(d.Region).CreateDetector(ctx, &guardduty.CreateDetectorInput{
				Enable: aws.Bool(true), FindingPublishingFrequency: frequency, Tags: map[string]string{Tag: e.Setup},
			})
			return err
		})
		return w, nil
	}
	var w work
	w.differs("state", string(have.Status), string(guardtypes.DetectorStatusEnabled))
	w.differs("frequency", string(have.FindingPublishingFrequency), d.Frequency)
	switch {
	case len(w.lines) == 0:
		return keep(), nil
	case have.Tags[Tag] != e.Setup && !e.options.Adopt && have.Status != guardtypes.DetectorStatusEnabled:
		w.action, w.why = setup.Refuse, "others turned it off; --adopt turns it on"
		return w, nil
	case have.Tags[Tag] != e.Setup && !e.options.Adopt:
		w.action, w.why = setup.Keep, "others turned GuardDuty on, so the frequency stays; --adopt changes it"
		return w, nil
	}
	w.then(func(ctx context.Context) error {
		_, err := e.clients.guard(d.Region).UpdateDetector(ctx, &guardduty.UpdateDetectorInput{
			DetectorId: &id, Enable: aws.Bool(true), FindingPublishingFrequency: frequency,
		})
		return err
	})
	return w.updated(), nil
}

func (e engine) unwantDetector(ctx context.Context, d Detector) (work, error) {
	id, have, err := e.findDetector(ctx, d)
	switch {
	case err != nil || id == "":
		return gone(), err
	case have.Tags[Tag] != e.Setup:
		return leave("others turned GuardDuty on"), nil
	}
	return remove(func(ctx context.Context) error {
		_, err := e.clients.guard(d.Region).DeleteDetector(ctx, &guardduty.DeleteDetectorInput{DetectorId: &id})
		return err
	}), nil
}

// publishing has the detector's findings written to the bucket.
func (e engine) publishing(d Detector) *piece {
	return &piece{
		name: "publishing of findings in " + d.Region, arn: e.detectorARN(d),
		want:   func(ctx context.Context) (work, error) { return e.wantPublishing(ctx, d) },
		unwant: func(ctx context.Context) (work, error) { return e.unwantPublishing(ctx, d) },
	}
}

// findPublishing returns the detector and its publishing destination, of which
// there is one at most; nil when there is none.
func (e engine) findPublishing(ctx context.Context, d Detector) (id string, have *guardduty.DescribePublishingDestinationOutput, err error) {
	client := e.clients.guard(d.Region)
	list, err := client.ListDetectors(ctx, &guardduty.ListDetectorsInput{})
	if err != nil || len(list.DetectorIds) == 0 {
		return "", nil, err
	}
	id = list.DetectorIds[0]
	all, err := client.ListPublishingDestinations(ctx, &guardduty.ListPublishingDestinationsInput{DetectorId: &id})
	if err != nil {
		return id, nil, err
	}
	for _, destination := range all.Destinations {
		if destination.DestinationType != guardtypes.DestinationTypeS3 {
			continue
		}
		have, err = client.DescribePublishingDestination(ctx, &guardduty.DescribePublishingDestinationInput{
			DetectorId: &id, DestinationId: destination.DestinationId,
		})
		return id, have, err
	}
	return id, nil, nil
}

func (e engine) wantPublishing(ctx context.Context, d Detector) (work, error) {
	_, have, err := e.findPublishing(ctx, d)
	if err != nil {
		return work{}, err
	}
	key, err := e.keyARN(ctx)
	if err != nil {
		return work{}, err
	}
	w := work{action: setup.Create}
	if have == nil {
		w.line("+ to %s", d.Destination)
		w.then(func(ctx context.Context) error { return e.publish(ctx, d) })
		return w, nil
	}
	now := guardtypes.DestinationProperties{}
	if have.DestinationProperties != nil {
		now = *have.DestinationProperties
	}
	if !sameDestination(aws.ToString(now.DestinationArn), d.Destination) {
		w.differs("destination", aws.ToString(now.DestinationArn), d.Destination)
	}
	w.differs("key", aws.ToString(now.KmsKeyArn), key)
	switch {
	case len(w.lines) == 0 && have.Status == guardtypes.PublishingStatusUnableToPublishFixDestinationProperty:
		w.line("~ state: %s -> tried again", have.Status)
	case len(w.lines) == 0:
		return keep(), nil
	case have.Tags[Tag] != e.Setup && !e.options.Adopt:
		w.action = setup.Refuse
		w.why = "others have GuardDuty publish elsewhere, and it has one destination: use that with --bucket and --key, or --adopt to move it"
		return w, nil
	}
	w.action = setup.Update
	w.then(func(ctx context.Context) error { return e.republish(ctx, d, have.DestinationId) })
	return w, nil
}

// properties are where findings go, once the key is made.
func (e engine) properties(ctx context.Context, d Detector) (*guardtypes.DestinationProperties, error) {
	key, err := e.keyARN(ctx)
	return &guardtypes.DestinationProperties{DestinationArn: &d.Destination, KmsKeyArn: &key}, err
}

func (e engine) publish(ctx context.Context, d Detector) error {
	id, _, err := e.findDetector(ctx, d)
	if err != nil {
		return err
	}
	to, err := e.properties(ctx, d)
	if err != nil {
		return err
	}
	_, err = e.clients.guard(d.Region).CreatePublishingDestination(ctx, &guardduty.CreatePublishingDestinationInput{
		DetectorId: &id, DestinationType: guardtypes.DestinationTypeS3, DestinationProperties: to, Tags: map[string]string{Tag: e.Setup},
	})
	return err
}

func (e engine) republish(ctx context.Context, d Detector, destination *string) error {
	id, _, err := e.findDetector(ctx, d)
	if err != nil {
		return err
	}
	to, err := e.properties(ctx, d)
	if err != nil {
		return err
	}
	_, err = e.clients.guard(d.Region).UpdatePublishingDestination(ctx, &guardduty.UpdatePublishingDestinationInput{
		DetectorId: &id, DestinationId: destination, DestinationProperties: to,
	})
	return err
}

func (e engine) unwantPublishing(ctx context.Context, d Detector) (work, error) {
	id, have, err := e.findPublishing(ctx, d)
	switch {
	case err != nil || have == nil:
		return gone(), err
	case have.Tags[Tag] != e.Setup:
		return leave("others have GuardDuty publish"), nil
	}
	return remove(func(ctx context.Context) error {
		_, err := e.clients.guard(d.Region).DeletePublishingDestination(ctx, &guardduty.DeletePublishingDestinationInput{
			DetectorId: &id, DestinationId: have.DestinationId,
		})
		return err
	}), nil
}
