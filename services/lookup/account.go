package lookup

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	accountapi "github.com/aws/aws-sdk-go-v2/service/account"
	accounttypes "github.com/aws/aws-sdk-go-v2/service/account/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/sourcegraph/conc"

	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/ledger"
)

// listEvery is how often it is looked which regions are enabled.
const listEvery = 10 * time.Minute

// account is an account of a connection.
type account struct {
	*service
	conn    connection.Connection // with the account's role
	id      string
	tracker *ledger.Tracker
	log     *slog.Logger
	faults  faultLog
}

// run reads all regions of the account until ctx ends.
func (a *account) run(ctx context.Context) {
	var readers conc.WaitGroup
	defer readers.Wait()
	running := map[string]func(){}            // what stops the readers of each region
	release := sync.OnceFunc(a.stages.Hold()) // until it is known what there is to read
	defer release()
	for failures := 0; ctx.Err() == nil; {
		regions, err := a.regions(ctx)
		wait := listEvery
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			failures++
			wait = min(fault.Wait(err, failures), maxRetry)
			if unsaid, ok := a.faults.turn(kindOf(err), a.clock.Now()); ok {
				a.log.Error("cannot find out which regions are enabled; trying again", "account", a.id, "err", err, "unsaid", unsaid)
			}
		default:
			failures = 0
			a.follow(ctx, regions, running, &readers)
			release()
		}
		_ = a.clock.Sleep(ctx, wait) // ctx is looked at next
	}
}

// follow starts readers of regions that are not read yet, and stops those of
// regions that are no longer enabled.
func (a *account) follow(ctx context.Context, regions []string, running map[string]func(), readers *conc.WaitGroup) {
	for region, stop := range running {
		if !slices.Contains(regions, region) {
			a.log.Warn("a region is no longer enabled; where it was left is kept", "account", a.id, "region", region)
			stop()
			delete(running, region)
		}
	}
	for _, region := range regions {
		if running[region] == nil {
			reading, stop := context.WithCancel(ctx)
			running[region] = stop
			readers.Go(func() { a.read(reading, region) })
		}
	}
}

// read reads one region until ctx ends.
func (a *account) read(ctx context.Context, region string) {
	categories := []types.EventCategory{""}
	if a.conn.Lookup.Insights {
		categories = append(categories, types.EventCategoryInsight)
	}
	var readers conc.WaitGroup
	defer readers.Wait()
	for _, category := range categories {
		r, err := a.reader(ctx, region, category)
		if err != nil {
			a.log.Error("a region cannot be read", "account", a.id, "region", region, "err", err)
			continue
		}
		readers.Go(func() { r.run(ctx) })
	}
}

func (a *account) reader(ctx context.Context, region string, category types.EventCategory) (*reader, error) {
	cfg, err := a.creds.Config(ctx, a.conn, region)
	if err != nil {
		return nil, err
	}
	r := &reader{
		account: a, region: region, category: category, client: newAPI(cfg), pace: a.paces.of(a.id, region, a.clock), width: firstWidth,
		log: a.log.With("account", a.id, "region", region),
	}
	r.metrics = a.metrics.of(a.conn.Name, a.id, region, r.categoryName())
	r.key = fmt.Sprintf("%s.%s.%s.%s.%s", name, a.conn.Name, a.id, region, r.categoryName())
	r.memory = memory{a.checkpoints, r.key}
	return r, nil
}

// regions returns the regions to read.
func (a *account) regions(ctx context.Context) ([]string, error) {
	if !a.conn.Lookup.IsEverywhere() {
		return a.conn.Lookup.Regions, nil
	}
	partition := partitionOf(a.conn)
	cfg, err := a.creds.Config(ctx, a.conn, partition.home)
	if err != nil {
		return nil, err
	}
	client := accountapi.NewFromConfig(cfg, func(o *accountapi.Options) { o.Retryer = aws.NopRetryer{} }) // run tries again
	regions, err := enabled(ctx, client)
	if err != nil && kindOf(err) == denied && !isRole(err) {
		a.log.Warn("the role may not list regions (account:ListRegions, which AWSCloudTrail_ReadOnlyAccess does not hold): reading those that are enabled in every account; "+
			"allow it, or list the regions in lookup.regions", "account", a.id, "err", err)
		return partition.regions, nil
	}
	return regions, err
}

// enabled asks for the regions that are enabled in the account.
func enabled(ctx context.Context, client *accountapi.Client) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	pages := accountapi.NewListRegionsPaginator(client, &accountapi.ListRegionsInput{RegionOptStatusContains: []accounttypes.RegionOptStatus{
		accounttypes.RegionOptStatusEnabled, accounttypes.RegionOptStatusEnabledByDefault,
	}})
	var regions []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the account's regions: %w", err)
		}
		for _, r := range page.Regions {
			regions = append(regions, aws.ToString(r.RegionName))
		}
	}
	slices.Sort(regions)
	return regions, nil
}

// partition is what is known of a partition's regions.
type partition struct {
	// home is where its Account API is.
	home string
	// regions are those that every account has; others are opted in.
	regions []string
}

// partitionOf returns the partition of the connection's role or, without one, of
// its region.
// https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html
func partitionOf(c connection.Connection) partition {
	name := "aws"
	if c.RoleARN != "" {
		name = strings.SplitN(c.RoleARN, ":", 3)[1]
	} else if c.Region != "" {
		name = connection.Partition(c.Region)
	}
	switch name {
	case "aws-cn":
		return partition{"cn-northwest-1", []string{"cn-north-1", "cn-northwest-1"}}
	case "aws-us-gov":
		return partition{"us-gov-west-1", []string{"us-gov-east-1", "us-gov-west-1"}}
	case "aws-eusc":
		return partition{"eusc-de-east-1", []string{"eusc-de-east-1"}}
	}
	return partition{"us-east-1", []string{
		"ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
		"ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3",
		"sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
	}}
}
