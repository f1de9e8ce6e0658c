package cli

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tandem-iac/tandem/internal/moto"
	"github.com/tandem-iac/tandem/internal/pricetest"
)

// TestPriceScripts drives tandem price update against a price list of the
// script's own. The command `break N FAULT` of a script has the Nth request
// from then on fail in one way.
func TestPriceScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/price",
		Deadline:            time.Now().Add(time.Minute),
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			products := pricetest.Region("eu-west-1", "EU-", pricetest.USD)
			products = append(products, pricetest.Region("cn-north-1", "CNN1-", pricetest.CNY)...)
			products = append(products, pricetest.Instance("eu-west-1", "m5.unpriced", "2", "8 GiB"))
			list := pricetest.New(t, 3, products)
			for name, value := range moto.Environment("http://127.0.0.1:1") { // nothing but the price list
				env.Setenv(name, value)
			}
			env.Setenv("AWS_ENDPOINT_URL_PRICING", list.URL)
			env.Values["list"] = list
			return makeLocked(env)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": expectCode,
			"break": func(ts *testscript.TestScript, _ bool, args []string) {
				fault := map[string]pricetest.Fault{"throttle": pricetest.Throttle, "deny": pricetest.Deny, "cut": pricetest.Cut}[args[1]]
				n, err := strconv.Atoi(args[0])
				if err != nil || fault == nil {
					ts.Fatalf("usage: break N throttle|deny|cut")
				}
				ts.Value("list").(*pricetest.Server).Break(n, fault)
			},
		},
	})
}
