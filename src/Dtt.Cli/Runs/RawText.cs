using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Runs;
using Dtt.Data.Datasets;
using Dtt.Data.Tokens;

namespace Dtt.Cli.Runs;

/// <summary>The raw text that a run's tokens were made of.</summary>
internal static class RawText
{
    /// <summary>The way back to it: where this folder's path templates say, or else beside the tokens as the usual templates have it.</summary>
    /// <exception cref="BadDataException">It is not there, or is another text by now.</exception>
    public static DocumentTrail Find(RunRequest run, int dataset, TokenIndex index)
    {
        var name = run.Config.DatasetNames[dataset];
        List<string> folders = [ByTemplates(run, name), Path.GetFullPath(Path.Combine(run.TokensFolders[dataset], "..", "..", "raw"))];
        var manifests = folders.Distinct().Select(RawManifest.Find).OfType<RawManifest>().ToList();
        if (manifests.Count == 0)
            throw new BadDataException($"the raw text of dataset '{name}' is not in {string.Join(" nor in ", folders.Distinct())}.");
        return new DocumentTrail(run.TokensFolders[dataset], index, manifests.FirstOrDefault(m => m.Sha256 == index.Source.RawSha256) ?? manifests[0]);
    }

    private static string ByTemplates(RunRequest run, string dataset)
    {
        var values = new ConfigReader(RunKeys.All).ReadText(run.ConfigYaml, RunLayout.ConfigName).Values;
        var templates = new ConfigReader(TemplateKeys.All);
        var file = ConfigFiles.Find(UserPath.Expand(values.Text("templates")));
        if (File.Exists(file)) templates.ReadFile(file);
        templates.ThrowIfWrong();
        return ArtefactPaths.From(templates.Values, values, dataset, TimeProvider.System.GetLocalNow(), templates.Errors).Raw;
    }
}
