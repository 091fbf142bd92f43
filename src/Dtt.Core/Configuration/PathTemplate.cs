using System.Text;

namespace Dtt.Core.Configuration;

/// <summary>Fills <c>{name}</c> in a path template and expands a leading <c>~</c>.</summary>
internal static class PathTemplate
{
    public static string Fill(string template, Func<string, string?> value, out IReadOnlyList<string> unknown)
    {
        var missing = new List<string>();
        unknown = missing;
        var path = new StringBuilder();
        for (var i = 0; i < template.Length; i++)
        {
            var end = template[i] == '{' ? template.IndexOf('}', i) : -1;
            if (end < 0)
            {
                path.Append(template[i]);
                continue;
            }

            var name = template[(i + 1)..end];
            if (value(name) is { } filled) path.Append(filled);
            else missing.Add(name);
            i = end;
        }

        return UserPath.Expand(path.ToString());
    }
}
