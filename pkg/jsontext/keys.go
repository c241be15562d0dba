package jsontext

// Keys are keys to look for among the members of an object. Once they are all
// added they do not change: share them.
type Keys struct {
	tokens []string // each as it mostly stands in a text: `,"key":`
}

// Add adds a key, which must be plain: without quotes, backslashes and control
// characters.
func (k *Keys) Add(key string) { k.tokens = append(k.tokens, `,"`+key+`":`) }

// Index returns the index of a key, in the order in which they were added, or
// -1.
func (k *Keys) Index(key []byte) int {
	for i, token := range k.tokens {
		if len(token) == len(key)+len(`,"":`) && token[len(`,"`):len(token)-len(`":`)] == string(key) {
			return i
		}
	}
	return -1
}

// MemberOf moves to the next member of the object as [Scanner.Member] does,
// and returns the index of its key in keys, or -1. The guess is an index too;
// when it is right and there is no white space the key is only compared, not
// read: [Scanner.Key] does not tell it then.
func (s *Scanner) MemberOf(keys *Keys, guess int) (i int, ok bool) {
	if guess < len(keys.tokens) {
		token := keys.tokens[guess]
		if s.first {
			token = token[len(","):]
		}
		if end := s.pos + len(token); end <= len(s.text) && string(s.text[s.pos:end]) == token {
			s.pos, s.first = end, false
			return guess, true
		}
	}
	if !s.Member() {
		return -1, false
	}
	return keys.Index(s.key), true
}
