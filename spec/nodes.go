package spec

import (
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/tandem-iac/tandem/internal/check"
)

// Visit collects anchors.
func (d *decoder) Visit(node ast.Node) ast.Visitor {
	if anchor, ok := node.(*ast.AnchorNode); ok {
		name := anchor.Name.String()
		d.anchors[name] = append(d.anchors[name], anchor)
	}
	return d
}

// anchorOf returns the last anchor of an alias's name that stands before it,
// or nil.
func (d *decoder) anchorOf(alias *ast.AliasNode) (found *ast.AnchorNode) {
	at := alias.GetToken().Position
	for _, anchor := range d.anchors[alias.Value.String()] {
		pos := anchor.GetToken().Position
		if pos.Line < at.Line || pos.Line == at.Line && pos.Column < at.Column {
			found = anchor
		}
	}
	return found
}

// start is a node's first token; the library's own is that of a map's first colon.
func start(node ast.Node) *token.Token {
	switch n := node.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return n.Values[0].Key.GetToken()
		}
	case *ast.MappingValueNode:
		return n.Key.GetToken()
	}
	return node.GetToken()
}

// unquotedText is an item of a list in brackets that is written like host:9094,
// if the library took it for a map, as it does within braces, where YAML 1.2 and
// whoever wrote it mean a string. Empty: the item is what it looks like.
func unquotedText(list *ast.SequenceNode, item ast.Node) string {
	pair, isPair := item.(*ast.MappingNode)
	if !isPair || !list.IsFlowStyle || pair.IsFlowStyle || len(pair.Values) != 1 {
		return ""
	}
	key, colon, value := pair.Values[0].Key.GetToken(), pair.Values[0].Start, start(pair.Values[0].Value)
	adjoins := value.Position.Line == colon.Position.Line && value.Position.Column == colon.Position.Column+1
	if _, isScalar := pair.Values[0].Value.(ast.ScalarNode); !isScalar || !adjoins || key.Type != token.StringType {
		return ""
	}
	return key.Value + ":" + value.Value
}

// resolve strips tags and anchors and follows aliases; leave ends what
// following an alias began.
func (d *decoder) resolve(path string, node ast.Node) (resolved ast.Node, leave func()) {
	leave = func() {}
	for {
		switch n := node.(type) {
		case *ast.AnchorNode:
			d.expanding[n] = true
			outer := leave
			leave = func() { delete(d.expanding, n); outer() }
			node = n.Value
		case *ast.TagNode:
			node = n.Value
		case *ast.AliasNode:
			anchor := d.anchorOf(n)
			if anchor == nil || d.expanding[anchor] {
				d.fault(path, "*"+n.Value.String(), "an anchor that ends before it")
				return nil, leave
			}
			node = anchor
		default:
			return node, leave
		}
	}
}

// entry is a key of a map with what it holds.
type entry struct {
	key   string
	node  ast.Node
	place token.Position
}

// entries lists a map's keys in order, those of merge keys last, as a key
// beside a merge key wins over it.
func (d *decoder) entries(path string, node ast.Node) (list []entry, ok bool) {
	var values []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		d.wrongType(path, node, "a map")
		return nil, false
	}
	seen := map[string]bool{}
	var merged []entry
	for _, value := range values {
		tok := value.Key.GetToken()
		key, at := tok.Value, check.Join(path, tok.Value)
		if d.nodes++; d.nodes > maxNodes {
			break
		}
		switch {
		case seen[key]:
			d.places[at] = *tok.Position
			d.fault(at, "a repeated key", "each key once")
		case value.Key.IsMergeKey():
			d.places[at] = *tok.Position
			merged = d.merged(at, value.Value)
		default:
			list = append(list, entry{key, value.Value, *tok.Position})
		}
		seen[key] = true
	}
	for _, e := range merged {
		if !seen[e.key] {
			seen[e.key] = true
			list = append(list, e)
		}
	}
	return list, true
}

// merged lists the keys of a merge key's map, or of its list of maps.
func (d *decoder) merged(path string, node ast.Node) (list []entry) {
	node, leave := d.resolve(path, node)
	defer leave()
	sources := []ast.Node{node}
	if seq, isList := node.(*ast.SequenceNode); isList {
		sources = seq.Values
	}
	for _, source := range sources {
		source, leave := d.resolve(path, source)
		if source != nil {
			more, _ := d.entries(path, source)
			list = append(list, more...)
		}
		leave()
	}
	return list
}
