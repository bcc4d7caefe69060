// Renders templates with Go's own text/template: one JSON line {"template", "data"} in, {"output"} or {"error"} out.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"text/template"
)

type request struct {
	Template string      `json:"template"`
	Data     interface{} `json:"data"`
}

var functions = template.FuncMap{
	"toJson": func(v interface{}) (string, error) {
		b, err := json.Marshal(v)
		return string(b), err
	},
	"kindOf": func(v interface{}) string {
		return reflect.ValueOf(v).Kind().String()
	},
	"separator": func(s string) func() string {
		first := true
		return func() string {
			if first {
				first = false
				return ""
			}
			return s
		}
	},
	"jsonMapFromString": func(s string) (map[string]interface{}, error) {
		var m map[string]interface{}
		err := json.Unmarshal([]byte(s), &m)
		return m, err
	},
}

func render(r request) (string, error) {
	t, err := template.New("t").Funcs(functions).Parse(r.Template)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, r.Data)
	return b.String(), err
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 1<<20), 1<<26)
	out := bufio.NewWriter(os.Stdout)
	for in.Scan() {
		var r request
		if err := json.Unmarshal(in.Bytes(), &r); err != nil {
			panic(err)
		}
		answer := map[string]string{}
		if text, err := render(r); err != nil {
			answer["error"] = err.Error()
		} else {
			answer["output"] = text
		}
		line, _ := json.Marshal(answer)
		fmt.Fprintln(out, string(line))
		out.Flush()
	}
}
