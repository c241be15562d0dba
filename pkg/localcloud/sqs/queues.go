package sqs

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"time"
)

var queueName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

type createQueueInput struct {
	QueueName  string
	Attributes map[string]string
}

type queueURLOutput struct {
	QueueURL string `json:"QueueUrl"`
}

func (s *Server) createQueue(in createQueueInput) (any, error) {
	q, err := s.create(in)
	if err != nil {
		return nil, err
	}
	return queueURLOutput{q.url}, nil
}

// create makes a queue, or returns the one there is if its attributes are the
// same.
func (s *Server) create(in createQueueInput) (*queue, error) {
	if !queueName.MatchString(in.QueueName) {
		return nil, errParameter("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	arn := fmt.Sprintf("arn:aws:sqs:%s:%s:%s", s.options.Region, s.options.Account, in.QueueName)
	q := newQueue(in.QueueName, arn, s.URL(in.QueueName))
	if err := s.set(q, in.Attributes); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, ok := s.queues[in.QueueName]; ok {
		if !old.has(in.Attributes) {
			return nil, newError("QueueNameExists", "QueueAlreadyExists", "A queue already exists with the same name and a different value for an attribute")
		}
		return old, nil
	}
	s.queues[in.QueueName] = q
	return q, nil
}

// has reports whether the queue's attributes have these values.
func (q *queue) has(attributes map[string]string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for name, value := range attributes {
		if q.settings[name] != value {
			return false
		}
	}
	return true
}

// set changes attributes of a queue.
func (s *Server) set(q *queue, attributes map[string]string) error {
	for name, value := range attributes {
		if err := s.setOne(q, name, value); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) setOne(q *queue, name, value string) error {
	var target *time.Duration
	limit := maxVisibility
	switch name {
	case "VisibilityTimeout":
		target = &q.visibility
	case "DelaySeconds":
		target, limit = &q.delay, 15*time.Minute
	case "ReceiveMessageWaitTimeSeconds":
		target, limit = &q.wait, maxWait
	case "RedrivePolicy":
		return s.setRedrive(q, value)
	case "Policy", "MessageRetentionPeriod", "MaximumMessageSize", "KmsMasterKeyId",
		"KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled", "RedriveAllowPolicy":
	default:
		return newError("InvalidAttributeName", "InvalidAttributeName", "Unknown Attribute %s.", name)
	}
	seconds, err := strconv.Atoi(value)
	if target != nil && (err != nil || seconds < 0 || time.Duration(seconds)*time.Second > limit) {
		return newError("InvalidAttributeValue", "InvalidAttributeValue", "Invalid value for the parameter %s.", name)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if target != nil {
		*target = time.Duration(seconds) * time.Second
	}
	q.settings[name], q.modified = value, time.Now()
	return nil
}

// setRedrive reads a redrive policy; maxReceiveCount is a number or a string
// with one.
func (s *Server) setRedrive(q *queue, value string) error {
	var to *redrive
	if value != "" {
		var policy struct {
			DeadLetterTargetArn string `json:"deadLetterTargetArn"`
			MaxReceiveCount     any    `json:"maxReceiveCount"`
		}
		err := json.Unmarshal([]byte(value), &policy)
		limit, errLimit := strconv.Atoi(fmt.Sprint(policy.MaxReceiveCount))
		_, name, _ := cutLast(policy.DeadLetterTargetArn, ":")
		dead, errQueue := s.queue(name)
		if err != nil || errLimit != nil || errQueue != nil || limit < 1 || limit > 1000 {
			return newError("InvalidAttributeValue", "InvalidAttributeValue",
				"Value %s for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist or maxReceiveCount is out of range.", value)
		}
		to = &redrive{dead, limit}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.redrive, q.settings["RedrivePolicy"], q.modified = to, value, time.Now()
	return nil
}

type queueInput struct {
	QueueURL string `json:"QueueUrl"`
}

func (s *Server) deleteQueue(in queueInput) (any, error) {
	q, err := s.byURL(in.QueueURL)
	if err != nil {
		return nil, err
	}
	q.purge()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.queues, q.name)
	return struct{}{}, nil
}

func (s *Server) purgeQueue(in queueInput) (any, error) {
	q, err := s.byURL(in.QueueURL)
	if err != nil {
		return nil, err
	}
	q.purge()
	return struct{}{}, nil
}

func (s *Server) getQueueURL(in struct{ QueueName string }) (any, error) {
	q, err := s.queue(in.QueueName)
	if err != nil {
		return nil, err
	}
	return queueURLOutput{q.url}, nil
}

func (s *Server) listQueues(in struct{ QueueNamePrefix string }) (any, error) {
	var out struct {
		QueueURLs []string `json:"QueueUrls"`
	}
	for _, name := range s.names(in.QueueNamePrefix) {
		out.QueueURLs = append(out.QueueURLs, s.URL(name))
	}
	return out, nil
}

type setAttributesInput struct {
	QueueURL   string `json:"QueueUrl"`
	Attributes map[string]string
}

func (s *Server) setQueueAttributes(in setAttributesInput) (any, error) {
	q, err := s.byURL(in.QueueURL)
	if err != nil {
		return nil, err
	}
	return struct{}{}, s.set(q, in.Attributes)
}

type getAttributesInput struct {
	QueueURL       string `json:"QueueUrl"`
	AttributeNames []string
}

func (s *Server) getQueueAttributes(in getAttributesInput) (any, error) {
	q, err := s.byURL(in.QueueURL)
	if err != nil {
		return nil, err
	}
	all := q.attributes()
	out := struct {
		Attributes map[string]string `json:",omitempty"`
	}{map[string]string{}}
	for _, name := range in.AttributeNames {
		if name == "All" {
			out.Attributes = all
			break
		}
		if value, ok := all[name]; ok {
			out.Attributes[name] = value
		} else if !knownAttributes[name] {
			return nil, newError("InvalidAttributeName", "InvalidAttributeName", "Unknown Attribute %s.", name)
		}
	}
	return out, nil
}

// knownAttributes may be asked for and are absent unless they were set.
var knownAttributes = map[string]bool{
	"Policy": true, "RedrivePolicy": true, "RedriveAllowPolicy": true, "KmsMasterKeyId": true,
	"KmsDataKeyReusePeriodSeconds": true, "FifoQueue": true, "ContentBasedDeduplication": true,
}

// attributes returns all attributes of the queue.
func (q *queue) attributes() map[string]string {
	counts := q.depth()
	q.mu.Lock()
	defer q.mu.Unlock()
	seconds := func(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) }
	all := map[string]string{
		"MaximumMessageSize":     strconv.Itoa(maxBody),
		"MessageRetentionPeriod": "345600",
		"SqsManagedSseEnabled":   "true",
	}
	maps.Copy(all, q.settings)
	maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
	maps.Copy(all, map[string]string{
		"ApproximateNumberOfMessages":           strconv.Itoa(counts[ready]),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(counts[inFlight]),
		"ApproximateNumberOfMessagesDelayed":    strconv.Itoa(counts[delayed]),
		"CreatedTimestamp":                      strconv.FormatInt(q.created.Unix(), 10),
		"LastModifiedTimestamp":                 strconv.FormatInt(q.modified.Unix(), 10),
		"QueueArn":                              q.arn,
		"VisibilityTimeout":                     seconds(q.visibility),
		"DelaySeconds":                          seconds(q.delay),
		"ReceiveMessageWaitTimeSeconds":         seconds(q.wait),
	})
	return all
}
