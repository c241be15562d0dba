package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/logferry/logferry/pkg/fault"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// Letter is a dead letter as it lies in the stream DEAD.
type Letter struct {
	*logferryv1.DeadLetter
	// Token is the letter's name for people: the last token of its subject.
	Token string
	// Subject and Sequence say where it lies, Stored since when.
	Subject  string
	Sequence uint64
	Stored   time.Time
	// Broken says why the letter cannot be decoded; nil: it can. Of a broken
	// letter stage and connection are known, and its bytes are the body.
	Broken error
}

// LetterFilter chooses dead letters. Empty fields choose all.
type LetterFilter struct {
	Stage, Connection, Destination, Table, Format, Reason, Bucket, KeyPrefix, Object string
	// Since and Until bound when a letter was stored: from Since on, before
	// Until.
	Since, Until time.Time
	// Limit is how many letters there may be; 0: any number.
	Limit int
}

// errListed ends a listing that has found enough.
var errListed = errors.New("all that was wanted is listed")

// Letters calls each with the dead letters that the filter chooses, oldest
// first. One that cannot be decoded comes as a broken one. An error of each
// ends the listing.
func (b *Bus) Letters(ctx context.Context, f LetterFilter, each func(Letter) error) error {
	wanted, err := f.subject()
	if err != nil {
		return err
	}
	from := jetstream.OrderedConsumerConfig{FilterSubjects: []string{wanted}}
	if !f.Since.IsZero() {
		from.DeliverPolicy, from.OptStartTime = jetstream.DeliverByStartTimePolicy, &f.Since
	}
	found := 0
	err = b.scan(ctx, streamDead, from, func(msg jetstream.Msg, meta *jetstream.MsgMetadata) error {
		l := readLetter(msg, msg.Subject(), meta.Sequence.Stream, meta.Timestamp)
		switch {
		case !f.Until.IsZero() && !l.Stored.Before(f.Until):
			return errListed
		case !f.chooses(l):
			return nil
		}
		if err := each(l); err != nil {
			return err
		}
		if found++; found == f.Limit {
			return errListed
		}
		return nil
	})
	if errors.Is(err, errListed) {
		return nil
	}
	return err
}

// subject returns the subjects among which the letters are.
func (f LetterFilter) subject() (string, error) {
	tokens := []string{f.Stage, f.Connection}
	for i, token := range tokens {
		if token == "" {
			tokens[i] = "*"
		} else if err := checkTokens(token); err != nil {
			return "", fmt.Errorf("dead letters: %w", err)
		}
	}
	return subject(subjectDead, tokens[0], tokens[1], "*"), nil
}

// chooses reports whether l is one of those that the filter chooses, but for
// what its subject and its time tell.
func (f LetterFilter) chooses(l Letter) bool {
	for _, field := range []struct{ want, is string }{
		{f.Destination, l.GetDestination()}, {f.Table, l.GetTable()}, {f.Format, l.GetFormat()},
		{f.Reason, l.GetReason()}, {f.Bucket, l.GetBucket()}, {f.Object, l.GetObjectId()},
	} {
		if field.want != "" && field.want != field.is {
			return false
		}
	}
	return strings.HasPrefix(l.GetKey(), f.KeyPrefix)
}

// minToken is the least of a token that names a letter.
const minToken = 4

// Letter returns the letter whose token begins so: four letters suffice when
// no other begins alike.
func (b *Bus) Letter(ctx context.Context, token string) (Letter, error) {
	token = strings.ToLower(token)
	if len(token) < minToken {
		return Letter{}, fmt.Errorf("dead letter %q: a name has at least %d letters", token, minToken)
	}
	if err := checkTokens(token); err != nil {
		return Letter{}, fmt.Errorf("dead letter: %w", err)
	}
	name, err := b.grave(ctx, token)
	if err != nil {
		return Letter{}, err
	}
	stream, err := b.handle(ctx, streamDead)
	if err != nil {
		return Letter{}, err
	}
	msg, err := stream.GetLastMsgForSubject(ctx, name)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Letter{}, fmt.Errorf("dead letter %s has just been dismissed", token)
	}
	if err != nil {
		return Letter{}, fmt.Errorf("dead letter %s: %w", token, err)
	}
	return readLetter(stored{msg}, name, msg.Sequence, msg.Time), nil
}

// LetterAt returns the letter with that sequence, whatever its name is.
func (b *Bus) LetterAt(ctx context.Context, sequence uint64) (Letter, error) {
	stream, err := b.handle(ctx, streamDead)
	if err != nil {
		return Letter{}, err
	}
	msg, err := stream.GetMsg(ctx, sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Letter{}, fmt.Errorf("dead letter with sequence %d has been dismissed", sequence)
	}
	if err != nil {
		return Letter{}, fmt.Errorf("dead letter with sequence %d: %w", sequence, err)
	}
	return readLetter(stored{msg}, msg.Subject, msg.Sequence, msg.Time), nil
}

// grave returns the one subject whose last token begins with token.
func (b *Bus) grave(ctx context.Context, token string) (string, error) {
	stream, err := b.handle(ctx, streamDead)
	if err != nil {
		return "", err
	}
	filter := subject(subjectDead, "*", "*", "*")
	if len(token) == len(letterToken("")) {
		filter = subject(subjectDead, "*", "*", token)
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(filter))
	if err != nil {
		return "", fmt.Errorf("look for dead letter %s: %w", token, err)
	}
	var found []string
	for name := range info.State.Subjects {
		if strings.HasPrefix(lastToken(name), token) {
			found = append(found, name)
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("there is no dead letter %s", token)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%d dead letters begin with %s, such as %s and %s: give more of the name",
		len(found), token, lastToken(found[0]), lastToken(found[1]))
}

func lastToken(subject string) string { return subject[strings.LastIndexByte(subject, '.')+1:] }

// Dismiss removes the letter for good. One that is gone already is no error.
func (b *Bus) Dismiss(ctx context.Context, l Letter) error {
	stream, err := b.handle(ctx, streamDead)
	if err != nil {
		return err
	}
	if err = stream.DeleteMsg(ctx, l.Sequence); err == nil {
		if b.server == nil {
			return nil
		}
		return b.server.keep(streamDead) // the server may have rewritten what lies beside it
	}
	if _, gone := stream.GetMsg(ctx, l.Sequence); errors.Is(gone, jetstream.ErrMsgNotFound) {
		return nil
	}
	return fmt.Errorf("dismiss dead letter %s: %w", l.Token, err)
}

// readLetter reads what lies on a subject of the stream DEAD.
func readLetter(msg message, subject string, sequence uint64, at time.Time) Letter {
	l := Letter{Token: lastToken(subject), Subject: subject, Sequence: sequence, Stored: at.UTC(), DeadLetter: new(logferryv1.DeadLetter)}
	err := checkMsg(msg, contentDead)
	if err == nil {
		err = proto.Unmarshal(msg.Data(), l.DeadLetter)
	}
	if err == nil {
		return l
	}
	l.Broken = fmt.Errorf("dead letter %s, sequence %d of stream %s: %w", subject, sequence, streamDead, err)
	stage, rest, _ := strings.Cut(strings.TrimPrefix(subject, subjectDead+"."), ".")
	connection, _, _ := strings.Cut(rest, ".")
	l.DeadLetter = &logferryv1.DeadLetter{
		Stage: stage, Connection: connection, Offset: -1,
		Reason: string(fault.Undecodable), Error: l.Broken.Error(),
		ContentType: msg.Headers().Get(headerContentType), Body: msg.Data(), BodySize: int64(len(msg.Data())),
	}
	return l
}
