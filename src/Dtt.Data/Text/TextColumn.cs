using Dtt.Core.Errors;

namespace Dtt.Data.Text;

/// <summary>A column of a table.</summary>
/// <param name="Name">Its name, with those of the structures that it lies in: <c>meta.title</c>.</param>
/// <param name="Type">What it holds, in words.</param>
/// <param name="IsText">Whether it can be read as text, when it is named.</param>
/// <param name="IsUsual">Whether it is of strings and lies in no structure, so that it needs no name where it is the only one.</param>
internal sealed record TextColumn(string Name, string Type, bool IsText, bool IsUsual)
{
    /// <summary>The name that a dataset's <c>text_field</c> has unless it is set.</summary>
    private const string UsualName = "text";

    private const int MostListed = 20;

    /// <summary>Which column holds the text: what <c>text_field</c> names; where that is the usual name and not there, the only one of strings.</summary>
    /// <exception cref="BadDataException">There is none, or more than one could be meant.</exception>
    public static int Find(string file, IReadOnlyList<TextColumn> columns, string textField)
    {
        var all = Enumerable.Range(0, columns.Count);
        var named = all.Where(i => columns[i].Name == textField).ToList();
        if (named is [var one] && columns[one].IsText) return one;
        if (named.Count > 0) throw new BadDataException($"{file}: {Problem(columns, named, textField)}. {Advice(columns)}");
        if (textField == UsualName && all.Where(i => columns[i].IsUsual).ToList() is [var only]) return only;
        throw new BadDataException($"{file} has no column '{textField}'. {Advice(columns)}");
    }

    private static string Problem(IReadOnlyList<TextColumn> columns, List<int> named, string textField) =>
        named.Count > 1 ? $"{named.Count} columns are called '{textField}'" : $"the column '{textField}' is of {columns[named[0]].Type}, not of text";

    private static string Advice(IReadOnlyList<TextColumn> columns) =>
        "Set text_field in the dataset's configuration to the column that holds the text, one of: "
        + string.Join(", ", columns.Take(MostListed).Select(c => $"{c.Name} ({c.Type})"))
        + (columns.Count > MostListed ? $" and {columns.Count - MostListed:N0} more." : ".");
}
