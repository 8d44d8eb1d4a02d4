// The real server of custom resources, alone: no authentication, no admission, no core group. See README.md.
package main

import (
	"log"
	"os"

	"github.com/spf13/pflag"
	"k8s.io/apiextensions-apiserver/pkg/cmd/server/options"
	genericapiserver "k8s.io/apiserver/pkg/server"
)

func main() {
	o := options.NewCustomResourceDefinitionsServerOptions(os.Stdout, os.Stderr)
	o.AddFlags(pflag.CommandLine)
	core := pflag.String("core-kubeconfig", "", "a kubeconfig that leads nowhere, which the options insist on")
	pflag.Parse()
	recommended := o.RecommendedOptions
	recommended.Authentication, recommended.Authorization, recommended.Admission = nil, nil, nil
	recommended.CoreAPI.CoreAPIKubeconfigPath = *core
	recommended.Features.EnablePriorityAndFairness = false
	must(o.Complete())
	config, err := o.Config()
	must(err)
	server, err := config.Complete().New(genericapiserver.NewEmptyDelegate())
	must(err)
	must(server.GenericAPIServer.PrepareRun().RunWithContext(genericapiserver.SetupSignalContext()))
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
