package onaws

import (
	"context"
	"encoding/json"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/logferry/logferry/services/logferry/internal/setup"
)

// targetID names the queue among the targets of a rule.
const targetID = "logferry"

// rule is the EventBridge rule that chooses which events go to the queue.
func (e engine) rule(r EventRule) *piece {
	want := func(ctx context.Context) (work, error) {
		have, err := e.findRule(ctx, r)
		if err != nil {
			return work{}, err
		}
		w := work{action: setup.Create}
		if have == nil {
			w.line("+ pattern: %s", r.Pattern)
		} else if w, err = e.ruleDiffers(ctx, r, have); err != nil || len(w.lines) == 0 || w.action == setup.Refuse {
			return w, err
		}
		w.then(func(ctx context.Context) error {
			in := &eventbridge.PutRuleInput{Name: &r.Name, EventPattern: &r.Pattern, State: eventtypes.RuleStateEnabled}
			if have == nil { // tags are taken of a new rule only
				in.Tags = tagList(e.Setup, func(key, value *string) eventtypes.Tag { return eventtypes.Tag{Key: key, Value: value} })
			}
			_, err := e.clients.events().PutRule(ctx, in)
			return err
		})
		return w, nil
	}
	unwant := func(ctx context.Context) (work, error) {
		have, err := e.findRule(ctx, r)
		if err != nil || have == nil {
			return gone(), err
		}
		owned, err := e.ruleOwned(ctx, r)
		if err != nil {
			return work{}, err
		}
		if !owned {
			return leave("others made it"), nil
		}
		return remove(func(ctx context.Context) error {
			_, err := e.clients.events().DeleteRule(ctx, &eventbridge.DeleteRuleInput{Name: &r.Name})
			return err
		}), nil
	}
	return &piece{name: "event rule " + r.Name, arn: r.ARN, want: want, unwant: unwant}
}

// findRule returns the rule; nil when there is none.
func (e engine) findRule(ctx context.Context, r EventRule) (*eventbridge.DescribeRuleOutput, error) {
	out, err := e.clients.events().DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: &r.Name})
	if isMissing(err) {
		return nil, nil
	}
	return out, err
}

// ruleDiffers is what differs in a rule that is there.
func (e engine) ruleDiffers(ctx context.Context, r EventRule, have *eventbridge.DescribeRuleOutput) (work, error) {
	w := keep()
	if !sameJSON(aws.ToString(have.EventPattern), r.Pattern) {
		w.differs("pattern", aws.ToString(have.EventPattern), r.Pattern)
	}
	w.differs("state", string(have.State), string(eventtypes.RuleStateEnabled))
	if len(w.lines) == 0 {
		return w, nil
	}
	owned, err := e.ruleOwned(ctx, r)
	if err != nil {
		return work{}, err
	}
	w.action = setup.Update
	if !owned {
		w.action, w.why = setup.Refuse, "others made a rule of that name; --name gives the set-up another"
	}
	return w, nil
}

func sameJSON(a, b string) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}

func (e engine) ruleOwned(ctx context.Context, r EventRule) (bool, error) {
	out, err := e.clients.events().ListTagsForResource(ctx, &eventbridge.ListTagsForResourceInput{ResourceARN: &r.ARN})
	if err != nil {
		return false, err
	}
	for _, t := range out.Tags {
		if aws.ToString(t.Key) == Tag {
			return aws.ToString(t.Value) == e.Setup, nil
		}
	}
	return false, nil
}

// target has the rule send to the queue.
func (e engine) target(r EventRule) *piece {
	find := func(ctx context.Context) (*eventtypes.Target, error) {
		out, err := e.clients.events().ListTargetsByRule(ctx, &eventbridge.ListTargetsByRuleInput{Rule: &r.Name})
		if isMissing(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		for _, t := range out.Targets {
			if aws.ToString(t.Id) == targetID {
				return &t, nil
			}
		}
		return nil, nil
	}
	want := func(ctx context.Context) (work, error) {
		have, err := find(ctx)
		if err != nil {
			return work{}, err
		}
		w := work{action: setup.Create}
		if have != nil {
			w.action = setup.Update
			if !w.differs("queue", aws.ToString(have.Arn), e.Queue.ARN) {
				return keep(), nil
			}
		}
		w.then(func(ctx context.Context) error {
			out, err := e.clients.events().PutTargets(ctx, &eventbridge.PutTargetsInput{
				Rule: &r.Name, Targets: []eventtypes.Target{{Id: aws.String(targetID), Arn: &e.Queue.ARN}},
			})
			if err != nil || len(out.FailedEntries) == 0 {
				return err
			}
			return refused(out.FailedEntries[0].ErrorCode, out.FailedEntries[0].ErrorMessage)
		})
		return w, nil
	}
	unwant := func(ctx context.Context) (work, error) {
		have, err := find(ctx)
		if err != nil || have == nil {
			return gone(), err
		}
		return remove(func(ctx context.Context) error {
			_, err := e.clients.events().RemoveTargets(ctx, &eventbridge.RemoveTargetsInput{Rule: &r.Name, Ids: []string{targetID}})
			return err
		}), nil
	}
	return &piece{name: "target " + e.Queue.Name + " of event rule " + r.Name, arn: r.ARN, want: want, unwant: unwant}
}
