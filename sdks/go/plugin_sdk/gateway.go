package plugin_sdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	gw "sidegate.dev/sdk/proto/microgateway_management"
)

// pageSize is how many entries of a list are fetched at a time.
const pageSize = 100

// management is the client of the service that answers.
type management = gw.MicrogatewayManagementServiceClient

// gateway asks the gateway for facts.
type gateway struct{ host *host }

func (g gateway) GetApp(ctx context.Context, appID uint32) (AppResponse, error) {
	request := &gw.GetAppRequest{Context: g.host.caller("apps.read"), AppId: appID}
	answer, err := ask(ctx, g.host, repeatable, "failed to get app", request, management.GetApp)
	if err != nil {
		return nil, err
	}
	return answer, nil
}

func (g gateway) ListApps(ctx context.Context) (AppsResponse, error) {
	all := &gw.ListAppsResponse{}
	for page := int32(1); ; page++ {
		request := &gw.ListAppsRequest{Context: g.host.caller("apps.read"), Page: page, Limit: pageSize}
		answer, err := ask(ctx, g.host, repeatable, "failed to list apps", request, management.ListApps)
		if err != nil {
			return nil, err
		}
		all.Apps = append(all.Apps, answer.GetApps()...)
		all.TotalCount = answer.GetTotalCount()
		if len(answer.GetApps()) == 0 || int64(len(all.Apps)) >= all.TotalCount {
			return all, nil
		}
	}
}

func (g gateway) GetLLM(ctx context.Context, llmID uint32) (LLMResponse, error) {
	request := &gw.GetLLMRequest{Context: g.host.caller("llms.read"), LlmId: llmID}
	answer, err := ask(ctx, g.host, repeatable, "failed to get LLM", request, management.GetLLM)
	if err != nil {
		return nil, err
	}
	return answer, nil
}

func (g gateway) ListLLMs(ctx context.Context) (LLMsResponse, error) {
	all := &gw.ListLLMsResponse{}
	for page := int32(1); ; page++ {
		request := &gw.ListLLMsRequest{Context: g.host.caller("llms.read"), Page: page, Limit: pageSize}
		answer, err := ask(ctx, g.host, repeatable, "failed to list LLMs", request, management.ListLLMs)
		if err != nil {
			return nil, err
		}
		all.Llms = append(all.Llms, answer.GetLlms()...)
		all.TotalCount = answer.GetTotalCount()
		if len(answer.GetLlms()) == 0 || int64(len(all.Llms)) >= all.TotalCount {
			return all, nil
		}
	}
}

func (g gateway) GetBudgetStatus(ctx context.Context, appID uint32) (BudgetStatusResponse, error) {
	request := &gw.GetBudgetStatusRequest{Context: g.host.caller("budget.read"), AppId: appID}
	answer, err := ask(ctx, g.host, repeatable, "failed to get budget status", request, management.GetBudgetStatus)
	if err != nil {
		return nil, err
	}
	return answer, nil
}

func (g gateway) ListModelPrices(ctx context.Context, vendor string) (ModelPricesResponse, error) {
	request := &gw.ListModelPricesRequest{Context: g.host.caller("pricing.read"), Vendor: vendor}
	answer, err := ask(ctx, g.host, repeatable, "failed to list model prices", request, management.ListModelPrices)
	if err != nil {
		return nil, err
	}
	return answer, nil
}

func (g gateway) GetModelPrice(ctx context.Context, vendor, model string) (ModelPriceResponse, error) {
	request := &gw.GetModelPriceRequest{Context: g.host.caller("pricing.read"), Vendor: vendor, ModelName: model}
	answer, err := ask(ctx, g.host, repeatable, "failed to get model price", request, management.GetModelPrice)
	if err != nil {
		return nil, err
	}
	return answer, nil
}

func (g gateway) ValidateCredential(ctx context.Context, secret string) (CredentialResponse, error) {
	request := &gw.ValidateCredentialRequest{Context: g.host.caller("credentials.validate"), Secret: secret}
	answer, err := ask(ctx, g.host, repeatable, "failed to validate credential", request, management.ValidateCredential)
	if err != nil {
		return nil, err
	}
	return answer, nil
}

func (g gateway) GetLicenseInfo(ctx context.Context) (*gw.GetLicenseInfoResponse, error) {
	request := &gw.GetLicenseInfoRequest{Context: g.host.caller("")}
	return ask(ctx, g.host, repeatable, "failed to get license info", request, management.GetLicenseInfo)
}

func (g gateway) SendToControl(ctx context.Context, payload []byte, correlationID string, metadata map[string]string) (int64, error) {
	request := &gw.QueueControlPayloadRequest{
		Context:       g.host.caller("control.send"),
		Payload:       payload,
		CorrelationId: correlationID,
		Metadata:      metadata,
	}
	answer, err := ask(ctx, g.host, once, "failed to queue payload", request, management.QueueControlPayload)
	if err != nil {
		return 0, err
	}
	if !answer.GetSuccess() {
		return answer.GetPendingCount(), errors.New("failed to queue payload: " + answer.GetErrorMessage())
	}
	return answer.GetPendingCount(), nil
}

func (g gateway) SendToControlJSON(ctx context.Context, value any, correlationID string, metadata map[string]string) (int64, error) {
	payload, err := json.Marshal(value)
	if err != nil {
		return 0, fmt.Errorf("failed to queue payload: %w", err)
	}
	return g.SendToControl(ctx, payload, correlationID, metadata)
}
