using System.Net;
using Dtt.Core.Errors;

namespace Dtt.Data.Hub;

/// <summary>What a refusal of the Hub means, in words.</summary>
internal static class HubErrors
{
    /// <summary>The error of an answer.</summary>
    /// <param name="answer">The refusal.</param>
    /// <param name="address">What was asked for.</param>
    /// <param name="isOwn">Whether the Hub itself refuses, not the store that it leads to.</param>
    /// <param name="access">The Hub, and who asks.</param>
    /// <param name="repository">The repository.</param>
    /// <param name="revision">The revision.</param>
    /// <param name="now">The time.</param>
    /// <returns>A <see cref="HubException"/> when the next try may succeed, else what the user can do.</returns>
    public static Exception Of(HttpResponseMessage answer, Uri address, bool isOwn, HubAccess access, string repository, string revision, DateTimeOffset now)
    {
        var status = (int)answer.StatusCode;
        if (HubException.MayPass(answer.StatusCode)) return new HubException($"{address.Authority} answered {status}", HubRetry.WaitOf(answer.Headers, now));
        if (!isOwn) return new HubException($"{address.Authority}, where {access.Host} led to, answered {status}"); // its addresses expire: ask for another one
        var code = answer.Headers.TryGetValues("X-Error-Code", out var codes) ? codes.First() : null;
        var page = $"{access.Endpoint}/datasets/{repository}";
        return new BadDataException((code, answer.StatusCode) switch
        {
            ("GatedRepo", _) => $"{repository} wants its terms to be accepted: open {page} in a browser, accept them, and run the same command with that "
                + "account's token in HF_TOKEN" + (access.Token is null ? "." : " (it is set; is it of that account, and may it read gated repositories?)."),
            ("RevisionNotFound", _) => $"{repository} has no revision '{revision}'; its branches and tags are listed at {page}/tree/main.",
            ("EntryNotFound", _) => $"{Place(address)} is not there any more, although the listing of its commit has it; run the same command again.",
            (_, HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden) when access.Token is not null =>
                $"{access.Host} refuses {repository} with the token of HF_TOKEN ({status}): is it still valid, and may it read this repository?",
            ("RepoNotFound", _) or (_, HttpStatusCode.NotFound or HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden) =>
                $"there is no dataset {repository} on {access.Host}, or it is not open to everybody. Check the spelling (OWNER/NAME); for a private one set "
                + "HF_TOKEN.",
            _ => $"{access.Host} answered {status} ({answer.ReasonPhrase}) to {Place(address)}.",
        });
    }

    private static string Place(Uri address) => address.GetLeftPart(UriPartial.Path);
}
