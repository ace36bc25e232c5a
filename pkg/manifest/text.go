package manifest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"unicode/utf16"
)

// document is the text of a file and how it stands there: what PowerShell's `pip freeze > requirements.txt` writes
// goes back as it came.
type document struct {
	mark  []byte           // byte order mark
	order binary.ByteOrder // of UTF-16; nil: bytes as they are
	text  []byte           // bytes in an encoding that holds ASCII
	cut   bool             // in the middle of a UTF-16 character: nothing can be read
}

func decode(file []byte) document {
	switch {
	case bytes.HasPrefix(file, []byte("\xef\xbb\xbf")):
		return document{mark: file[:3], text: file[3:]}
	case len(file)%2 != 0 && (bytes.HasPrefix(file, []byte("\xff\xfe")) || bytes.HasPrefix(file, []byte("\xfe\xff"))):
		return document{cut: true}
	case bytes.HasPrefix(file, []byte("\xff\xfe")):
		return document{mark: file[:2], order: binary.LittleEndian, text: fromUTF16(file[2:], binary.LittleEndian)}
	case bytes.HasPrefix(file, []byte("\xfe\xff")):
		return document{mark: file[:2], order: binary.BigEndian, text: fromUTF16(file[2:], binary.BigEndian)}
	}
	return document{text: file}
}

// encode puts another text in the same form. It refuses a file whose own text would not come back as it was.
func (d document) encode(file, text []byte) ([]byte, error) {
	if d.cut {
		return nil, errors.New("it is cut in the middle of a UTF-16 character; save it as UTF-8")
	}
	if d.order == nil {
		return append(bytes.Clone(d.mark), text...), nil
	}
	if !bytes.Equal(toUTF16(d.mark, d.text, d.order), file) {
		return nil, errors.New("it holds characters that are not UTF-16; save it as UTF-8")
	}
	return toUTF16(d.mark, text, d.order), nil
}

func fromUTF16(text []byte, order binary.ByteOrder) []byte {
	units := make([]uint16, len(text)/2)
	for i := range units {
		units[i] = order.Uint16(text[2*i:])
	}
	return []byte(string(utf16.Decode(units)))
}

func toUTF16(mark, text []byte, order binary.ByteOrder) []byte {
	out := bytes.Clone(mark)
	for _, u := range utf16.Encode([]rune(string(text))) {
		out = append(out, 0, 0)
		order.PutUint16(out[len(out)-2:], u)
	}
	return out
}
